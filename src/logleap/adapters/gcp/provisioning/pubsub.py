"""Topics and subscriptions, and what Pub/Sub itself may do with them."""

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial

from google.api_core import exceptions
from google.iam.v1.policy_pb2 import Policy  # type: ignore[import-untyped]
from google.pubsub_v1 import (
    DeadLetterPolicy,
    ExpirationPolicy,
    PublisherClient,
    RetryPolicy,
    SubscriberClient,
    Subscription,
)

from logleap.adapters.gcp.google.credentials import Access
from logleap.adapters.gcp.provisioning.steps import (
    CALL,
    SETUP,
    Check,
    Resources,
    Step,
    member,
    run_check,
    run_step,
)
from logleap.adapters.gcp.queue import MAX_ACK_DEADLINE, publisher, subscriber

_EDITOR = "roles/pubsub.editor"
_VIEWER = "roles/pubsub.viewer"
_MIN_BACKOFF = timedelta(seconds=10)
_MAX_BACKOFF = timedelta(seconds=600)

# https://cloud.google.com/pubsub/docs/dead-letter-topics#grant_forwarding_permissions
_AGENT = re.compile(r"serviceAccount:service-\d+@gcp-sa-pubsub\.iam\.gserviceaccount\.com")
_STRONGER = ("roles/pubsub.editor", "roles/pubsub.admin", "roles/editor", "roles/owner")


class PubSubProvisioning:
    """The topic and the subscription of the trainings, and the same for the dead letters."""

    def __init__(self, access: Access, resources: Resources) -> None:
        credentials = access.credentials["pubsub"]
        self._access = access
        self._publisher: PublisherClient = publisher(credentials)
        self._subscriber: SubscriberClient = subscriber(credentials)
        self._topics = topics(resources)
        self._publishers = ("API and worker need", "the worker needs", "API and worker need")
        self._subscriptions = subscriptions(resources)
        self._forwarding = forwarding(resources)

    def close(self) -> None:
        """Close the connections."""
        self._publisher.transport.close()  # type: ignore[no-untyped-call]
        self._subscriber.transport.close()  # type: ignore[no-untyped-call]

    def setup(self) -> Iterator[Step]:
        """Make topics and subscriptions, and say who has to be let in."""
        for topic in self._topics:
            yield run_step(self._access, _label(topic), _EDITOR, partial(self._make_topic, topic))
        for wanted in self._subscriptions:
            yield run_step(
                self._access,
                _label(wanted.name),
                _EDITOR,
                partial(self._make_subscription, wanted),
            )
        if "pubsub" not in self._access.emulated:
            for resource, role in self._forwarding:
                yield self._check_forwarding(resource, role).as_step()

    def check(self) -> Iterator[Check]:
        """Look at topics, subscriptions, and who may use them."""
        for topic in self._topics:
            yield run_check(self._access, _label(topic), _VIEWER, partial(self._check_topic, topic))
        for wanted in self._subscriptions:
            yield run_check(
                self._access,
                _label(wanted.name),
                _VIEWER,
                partial(self._check_subscription, wanted),
            )
        if "pubsub" in self._access.emulated:
            return  # emulators know no roles
        for resource, role in self._forwarding:
            yield self._check_forwarding(resource, role)
        for topic, who in zip(self._topics, self._publishers, strict=False):
            yield self._check_permission(topic, "pubsub.topics.publish", "roles/pubsub.publisher", who)
        for wanted in self._subscriptions:
            permission, role = "pubsub.subscriptions.consume", "roles/pubsub.subscriber"
            yield self._check_permission(wanted.name, permission, role, "the worker needs")

    def _make_topic(self, topic: str) -> Step:
        try:
            self._publisher.create_topic(name=topic, **CALL)
        except exceptions.AlreadyExists:
            return Step(_label(topic), "exists", "It existed.")
        return Step(_label(topic), "created", "It is new.")

    def _make_subscription(self, wanted: Subscription) -> Step:
        try:
            self._subscriber.create_subscription(request=wanted, **CALL)
        except exceptions.AlreadyExists:
            return self._check_subscription(wanted).as_step()
        return Step(_label(wanted.name), "created", "It is new.")

    def _check_topic(self, topic: str) -> Check:
        try:
            self._publisher.get_topic(topic=topic, **CALL)
        except exceptions.NotFound:
            return Check(_label(topic), False, "It does not exist.", SETUP)
        return Check(_label(topic), True, "It exists.")

    def _check_subscription(self, wanted: Subscription) -> Check:
        name = _label(wanted.name)
        try:
            found = self._subscriber.get_subscription(subscription=wanted.name, **CALL)
        except exceptions.NotFound:
            return Check(name, False, "It does not exist.", SETUP)
        detail, remedy = differences(found, wanted)
        if detail:
            return Check(name, False, detail, remedy)
        if found.push_config.push_endpoint:
            return Check(name, True, "It exists, and pushes: a worker that pulls gets nothing from it.")
        return Check(name, True, "It exists and set up as it should be.")

    def _check_forwarding(self, resource: str, role: str) -> Check:
        name = f"Pub/Sub itself on {_label(resource)}"
        number = f"$(gcloud projects describe {self._access.project} --format='value(projectNumber)')"
        agent = f'"serviceAccount:service-{number}@gcp-sa-pubsub.iam.gserviceaccount.com"'
        remedy = _binding(resource, agent, role)
        client = self._publisher if "/topics/" in resource else self._subscriber
        try:
            policy = client.get_iam_policy(request={"resource": resource}, **CALL)
        except exceptions.NotFound:
            return Check(name, False, "The resource does not exist.", SETUP)
        except exceptions.Forbidden:
            return Check(
                name,
                False,
                f"You may not see whether it has {role}, which moves dead letters.",
                remedy,
            )
        if is_granted(policy, role):
            return Check(name, True, f"It has {role} and can move dead letters.")
        return Check(
            name,
            False,
            f"It has no {role} here, so dead letters stay where they are. (Unless the project grants it.)",
            remedy,
        )

    def _check_permission(self, resource: str, permission: str, role: str, who: str) -> Check:
        name = f"{permission} on {_label(resource)}"

        def request_permission() -> Check:
            client = self._publisher if "/topics/" in resource else self._subscriber
            request = {"resource": resource, "permissions": [permission]}
            try:
                granted = client.test_iam_permissions(request=request, **CALL).permissions
            except exceptions.NotFound:
                return Check(name, False, "The resource does not exist.", SETUP)
            if permission in granted:
                return Check(name, True, "Granted.")
            command = _binding(resource, member(self._access), role)
            return Check(name, False, f"Not granted ({who} it).", command)

        return run_check(self._access, name, role, request_permission)


def topics(resources: Resources) -> Sequence[str]:
    """The paths of the topics: of trainings, of dead letters, and of events if they go to one."""
    names = resources.queue
    events = resources.events_topic
    more = () if events is None else (f"projects/{names.project}/topics/{events}",)
    return (names.topic_path, names.dead_topic_path, *more)


def subscriptions(resources: Resources) -> Sequence[Subscription]:
    """The subscriptions as they should be."""
    names = resources.queue
    deadline = min(max(resources.ack_deadline, 10), MAX_ACK_DEADLINE)
    return (
        # The dead letters' first: nothing may become one while nobody keeps them.
        Subscription(
            name=names.dead_subscription_path,
            topic=names.dead_topic_path,
            ack_deadline_seconds=deadline,
            expiration_policy=ExpirationPolicy(),  # without a ttl: never
        ),
        Subscription(
            name=names.subscription_path,
            topic=names.topic_path,
            ack_deadline_seconds=deadline,
            expiration_policy=ExpirationPolicy(),
            retry_policy=RetryPolicy(minimum_backoff=_MIN_BACKOFF, maximum_backoff=_MAX_BACKOFF),
            dead_letter_policy=DeadLetterPolicy(
                dead_letter_topic=names.dead_topic_path, max_delivery_attempts=resources.max_deliveries
            ),
        ),
    )


def forwarding(resources: Resources) -> Sequence[tuple[str, str]]:
    """The roles that Pub/Sub itself needs, on what, to move dead letters."""
    names = resources.queue
    return (
        (names.dead_topic_path, "roles/pubsub.publisher"),
        (names.subscription_path, "roles/pubsub.subscriber"),
    )


def differences(found: Subscription, wanted: Subscription) -> tuple[str, str | None]:
    """How a subscription differs from what is wanted, in words, and the command that changes it.

    Whether it pushes is left to whoever made it: a worker on Cloud Run is pushed to.
    """
    _, project, _, name = wanted.name.split("/")
    target = f"{name} --project={project}"
    texts: list[str] = []
    flags: list[str] = []
    if found.topic != wanted.topic or found.filter:
        what = f"filters by {found.filter}" if found.topic == wanted.topic else f"reads from {found.topic}"
        return (
            f"It {what}, which cannot be changed: create it again (its messages are sent again).",
            f"gcloud pubsub subscriptions delete {target} && {SETUP}",
        )
    if found.ack_deadline_seconds != wanted.ack_deadline_seconds:
        texts.append(f"the ack deadline is {found.ack_deadline_seconds} s")
        flags.append(f"--ack-deadline={wanted.ack_deadline_seconds}")
    if found.expiration_policy.ttl:
        texts.append(f"it expires after {found.expiration_policy.ttl.days} days without a worker")
        flags.append("--expiration-period=never")
    _compare_retrying(found, wanted, texts, flags)
    _compare_dead_letters(found, wanted, texts, flags)
    if "bigquery_config" in found and found.bigquery_config.table:
        texts.append("it writes to BigQuery")
        flags.append("--clear-bigquery-config")
    if "cloud_storage_config" in found and found.cloud_storage_config.bucket:
        texts.append("it writes to Cloud Storage")
        flags.append("--clear-cloud-storage-config")
    if not texts:
        return "", None
    return _sentence(texts), f"gcloud pubsub subscriptions update {target} {' '.join(flags)}"


def _compare_retrying(found: Subscription, wanted: Subscription, texts: list[str], flags: list[str]) -> None:
    if "retry_policy" not in wanted or found.retry_policy == wanted.retry_policy:
        return
    low, high = wanted.retry_policy.minimum_backoff, wanted.retry_policy.maximum_backoff
    texts.append("it retries with other delays" if "retry_policy" in found else "it retries without a delay")
    flags += [f"--min-retry-delay={low.seconds}s", f"--max-retry-delay={high.seconds}s"]


def _compare_dead_letters(
    found: Subscription, wanted: Subscription, texts: list[str], flags: list[str]
) -> None:
    if found.dead_letter_policy == wanted.dead_letter_policy:
        return
    if "dead_letter_policy" not in wanted:
        texts.append("its dead letters are given up again")
        flags.append("--clear-dead-letter-policy")
        return
    policy = wanted.dead_letter_policy
    topic = found.dead_letter_policy.dead_letter_topic
    texts.append(
        f"it gives a message up after {found.dead_letter_policy.max_delivery_attempts} deliveries to {topic}"
        if topic
        else "it never gives a message up"
    )
    flags += [
        f"--dead-letter-topic={policy.dead_letter_topic}",
        f"--max-delivery-attempts={policy.max_delivery_attempts}",
    ]


def is_granted(policy: Policy, role: str) -> bool:
    """Whether Pub/Sub's service agent has `role`, or one that holds it, by this policy."""
    return any(
        binding.role in (role, *_STRONGER) and any(map(_AGENT.fullmatch, binding.members))
        for binding in policy.bindings
    )


def _binding(resource: str, who: str, role: str) -> str:
    _, project, kind, name = resource.split("/")
    return (
        f"gcloud pubsub {kind} add-iam-policy-binding {name} --project={project} --member={who} --role={role}"
    )


def _label(path: str) -> str:
    _, _, kind, name = path.split("/")
    return f"{kind.removesuffix('s')} {name}"


def _sentence(texts: Sequence[str]) -> str:
    joined = ", ".join(texts)
    return joined[:1].upper() + joined[1:] + "."
