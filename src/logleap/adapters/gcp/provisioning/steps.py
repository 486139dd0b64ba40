"""What provisioning reports, and what it says of an error."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypedDict

from google.api_core import exceptions
from google.api_core.retry import Retry

from logleap.adapters.gcp.bigquery.tables import Layout
from logleap.adapters.gcp.google.credentials import Access
from logleap.adapters.gcp.google.deadlines import ATTEMPT_SECONDS, RETRY, TRANSIENT
from logleap.adapters.gcp.queue import QueueNames

SETUP = "logleap gcp setup"


class _Call(TypedDict):
    retry: Retry
    timeout: float


CALL: _Call = {"retry": RETRY, "timeout": ATTEMPT_SECONDS}
"""For each request: all of provisioning's may be repeated."""

Outcome = Literal["created", "changed", "exists", "todo", "failed"]


@dataclass(frozen=True, slots=True)
class Resources:
    """What LogLeap uses in the project.

    `ack_deadline` is the subscription's, in seconds: Pub/Sub takes 10 to 600, other values are clamped.
    `max_deliveries` (5 to 100) is after how many deliveries a message is dead: more than a run's attempts,
    because a message that finds its run in other hands, or Firestore out of reach, counts as delivered too.
    `location` is where BigQuery's dataset is made, for instance `EU` or `europe-west3`.
    `events_topic` is the topic that events go to, if they go to one.
    """

    queue: QueueNames
    dataset: str
    layout: Layout
    location: str = "US"
    firestore_prefix: str = "logleap"
    ack_deadline: int = 60
    max_deliveries: int = 20
    events_topic: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one thing that `setup` makes. `todo`: somebody else has to, the remedy says how."""

    name: str
    outcome: Outcome
    detail: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """Whether one thing is as it should be, and the command that mends it."""

    name: str
    ok: bool
    detail: str
    remedy: str | None = None

    def as_step(self) -> Step:
        """The same about a thing that `setup` cannot make."""
        return Step(self.name, "exists" if self.ok else "todo", self.detail, self.remedy)


def run_step(access: Access, name: str, role: str, work: Callable[[], Step]) -> Step:
    """What `work` reports, or how it was refused; `role` is what a caller without permission lacks.

    Transient errors are raised: there is no use in sending that service more requests.
    """
    try:
        return work()
    except exceptions.ClientError as error:
        return Step(name, "failed", *_refusal(error, access, role))


def run_check(access: Access, name: str, role: str, check: Callable[[], Check]) -> Check:
    """What `check` reports, or why it was refused; as above."""
    try:
        return check()
    except exceptions.ClientError as error:
        return Check(name, False, *_refusal(error, access, role))


def member(access: Access) -> str:
    """The caller, as IAM writes it."""
    if access.identity is None:
        return '"user:$(gcloud config get account)"'
    return f"serviceAccount:{access.identity}"


def grant(access: Access, role: str) -> str:
    """The command that gives the caller a role in the project."""
    return f"gcloud projects add-iam-policy-binding {access.project} --member={member(access)} --role={role}"


def _refusal(error: exceptions.ClientError, access: Access, role: str) -> tuple[str, str | None]:
    """What is wrong, and the command that mends it."""
    if isinstance(error, TRANSIENT):
        raise error
    # https://cloud.google.com/apis/design/errors#error_info
    if error.reason == "SERVICE_DISABLED" and error.metadata:
        service = error.metadata["service"]
        return (
            f"{service} is not enabled.",
            f"gcloud services enable {service} --project={access.project}",
        )
    if isinstance(error, exceptions.Forbidden):
        return f"Permission denied: {error.message}", grant(access, role)
    return f"{type(error).__name__}: {error.message}", None
