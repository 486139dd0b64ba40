"""What `logleap gcp setup` and `logleap gcp check` do: the resources on Google Cloud, made and looked at."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

from logleap.adapters.gcp.google.credentials import Access
from logleap.adapters.gcp.google.errors import translated
from logleap.adapters.gcp.provisioning.bigquery import BigQueryProvisioning
from logleap.adapters.gcp.provisioning.firestore import FirestoreProvisioning
from logleap.adapters.gcp.provisioning.identity import check_credentials, check_project
from logleap.adapters.gcp.provisioning.pubsub import PubSubProvisioning
from logleap.adapters.gcp.provisioning.steps import Check, Outcome, Resources, Step
from logleap.ports.errors import Unavailable

__all__ = ["Check", "Outcome", "Resources", "Step", "check", "setup"]

_Provisioning = BigQueryProvisioning | FirestoreProvisioning | PubSubProvisioning

_SERVICES: Mapping[str, Callable[[Access, Resources], _Provisioning]] = {
    "BigQuery": BigQueryProvisioning,
    "Firestore": FirestoreProvisioning,
    "Pub/Sub": PubSubProvisioning,
}


def setup(access: Access, resources: Resources) -> Iterator[Step]:
    """Make what is missing, one step after the other; what is there stays as it is.

    Safe to repeat, and to run twice at once. A step that fails does not keep the others from being done,
    and a service that does not answer is given up after ten seconds or so.
    """
    for name, service in _SERVICES.items():
        try:
            with translated(name), closing(service(access, resources)) as provisioning:
                yield from provisioning.setup()
        except Unavailable as error:
            yield Step(name, "failed", f"{error}. Try again later.")


def check(access: Access, resources: Resources) -> Iterator[Check]:
    """Look at everything that LogLeap needs, and change nothing: project, credentials, roles, resources.

    Whatever is not as it should be comes with the command that mends it, as far as one does.
    """
    yield from check_credentials(access)
    try:
        with translated("Resource Manager"):
            yield from check_project(access, resources)
    except Unavailable as error:
        yield Check("project", False, f"{error}. Try again later.")
    for name, service in _SERVICES.items():
        try:
            with translated(name), closing(service(access, resources)) as provisioning:
                yield from provisioning.check()
        except Unavailable as error:
            yield Check(name, False, f"{error}. Try again later.")
