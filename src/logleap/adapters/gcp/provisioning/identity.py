"""Who calls, and what he may do in the project."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial

from google.api_core import exceptions
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession, Request
from google.cloud import bigquery

from logleap.adapters.gcp.google.clients import bigquery_client
from logleap.adapters.gcp.google.credentials import Access
from logleap.adapters.gcp.google.deadlines import ATTEMPT_SECONDS, RETRY
from logleap.adapters.gcp.provisioning.steps import CALL, Check, Resources, grant, member, run_check

_LIST = "gcloud projects list"
_RESOURCE_MANAGER = "https://cloudresourcemanager.googleapis.com/v3"

# Pub/Sub's are asked for on topic and subscription, see there.
# https://cloud.google.com/iam/docs/roles-permissions/bigquery
# https://cloud.google.com/firestore/docs/security/iam#roles
_DATA_ROLE = "roles/bigquery.dataEditor"
_STREAMS_ROLE = "roles/bigquery.readSessionUser"
_BIGQUERY: Mapping[str, Sequence[str]] = {
    "roles/bigquery.jobUser": ["bigquery.jobs.create"],
    _STREAMS_ROLE: ["bigquery.readsessions.create"],
    _DATA_ROLE: [
        "bigquery.tables.create",
        "bigquery.tables.delete",
        "bigquery.tables.get",
        "bigquery.tables.getData",
        "bigquery.tables.updateData",
    ],
}
_FIRESTORE: Mapping[str, Sequence[str]] = {
    "roles/datastore.user": [
        "datastore.databases.get",
        "datastore.entities.create",
        "datastore.entities.delete",
        "datastore.entities.get",
        "datastore.entities.list",
        "datastore.entities.update",
    ]
}


def check_credentials(access: Access) -> Iterator[Check]:
    """Ask Google for a token."""
    if access.emulated:
        services = ", ".join(sorted(access.emulated))
        yield Check("credentials", True, f"None are used for {services}: emulators.")
    credentials = _real(access)
    if credentials is not None:
        who = access.identity or "Application Default Credentials"
        try:
            credentials.refresh(partial(Request(), timeout=ATTEMPT_SECONDS))  # type: ignore[no-untyped-call]
        except GoogleAuthError as error:
            # Its second argument is the whole answer, its first one says what is wrong.
            reason = str(error.args[0] if error.args else error).splitlines()[0]
            yield Check("credentials", False, f"Google does not take those of {who}: {reason}", _mend(access))
        else:
            yield Check("credentials", True, f"Google takes those of {who}.")


def check_project(access: Access, resources: Resources) -> Iterator[Check]:
    """Look at the project, and at the roles in it that the services which are no emulators need."""
    needed: dict[str, Sequence[str]] = {}
    if "bigquery" not in access.emulated:
        needed |= _BIGQUERY
    if "firestore" not in access.emulated:
        needed |= _FIRESTORE
    credentials = _real(access)
    there = Check("project", True, f"It is {access.project}.")
    if credentials is None:
        yield there
        return
    asked = [permission for permissions in needed.values() for permission in permissions]
    granted: set[str] = set()

    def ask() -> Check:
        try:
            granted.update(_granted_in_project(access.project, credentials, asked))
        except (exceptions.Forbidden, exceptions.NotFound) as error:
            if error.reason == "SERVICE_DISABLED":
                raise
            return Check("project", False, f"There is no {access.project} that you may use.", _LIST)
        return there

    answered = run_check(access, "project", "roles/browser", ask)
    yield answered
    if answered.ok:
        for role, permissions in needed.items():
            missing = [permission for permission in permissions if permission not in granted]
            yield _check_role(access, resources, role, missing)


def _check_role(access: Access, resources: Resources, role: str, missing: Sequence[str]) -> Check:
    if not missing:
        return Check(role, True, "All that it permits is permitted in the project.")
    if role == _STREAMS_ROLE:
        return Check(
            role,
            True,
            f"Not permitted: {', '.join(missing)}. API and worker can do without: exports, and tasks that "
            "read by column, then read pages of JSON, which takes longer.",
            grant(access, role),
        )
    if role != _DATA_ROLE:
        return Check(
            role, False, f"Not permitted: {', '.join(missing)} (API and worker need it).", grant(access, role)
        )

    def request_permission() -> Check:
        if _granted_on_dataset(access, resources, missing):
            return Check(role, True, f"Permitted in the dataset {resources.dataset}.")
        return Check(
            role,
            False,
            f"Not permitted in the project, nor as far as known in {resources.dataset}: {', '.join(missing)} "
            "(API and worker need it: a worker ends archivings and deletions that broke off).",
            _grant_on_dataset(access, resources.dataset),
        )

    return run_check(access, role, role, request_permission)


def _granted_in_project(project: str, credentials: Credentials, permissions: Sequence[str]) -> Sequence[str]:
    """Which of the permissions the caller has in the project; asking needs none.

    https://cloud.google.com/resource-manager/reference/rest/v3/projects/testIamPermissions
    """
    url = f"{_RESOURCE_MANAGER}/projects/{project}:testIamPermissions"
    session = AuthorizedSession(credentials, refresh_timeout=ATTEMPT_SECONDS)  # type: ignore[no-untyped-call]

    def ask() -> Sequence[str]:
        answer = session.post(url, json={"permissions": permissions}, timeout=ATTEMPT_SECONDS)
        if answer.status_code != 200:
            raise exceptions.from_http_response(answer)  # type: ignore[no-untyped-call]
        found: Sequence[str] = answer.json().get("permissions", [])
        return found

    with session:
        return RETRY(ask)()


def _granted_on_dataset(access: Access, resources: Resources, permissions: Sequence[str]) -> bool:
    """Whether the dataset itself lets the caller in, or the table that all rows are in.

    BigQuery can be asked about a table, but not about a dataset: there the caller must stand by name.
    """
    with closing(bigquery_client(access.project, access.credentials["bigquery"])) as client:
        dataset = bigquery.DatasetReference(access.project, resources.dataset)
        try:
            if resources.layout.shared:
                table = dataset.table(resources.layout.table_name(""))
                on_table = [each for each in permissions if each != "bigquery.tables.create"]
                found = client.test_iam_permissions(table, on_table, **CALL)
                return set(found.get("permissions", [])) == set(on_table)
            entries = client.get_dataset(dataset, **CALL).access_entries
        except exceptions.NotFound:
            return False
    return any(
        entry.role in ("WRITER", "OWNER", _DATA_ROLE, "roles/bigquery.dataOwner", "roles/bigquery.admin")
        and entry.entity_id in (access.identity, member(access))
        for entry in entries
    )


def _grant_on_dataset(access: Access, dataset: str) -> str:
    if access.identity is None:
        return grant(access, _DATA_ROLE)
    statement = f'GRANT `{_DATA_ROLE}` ON SCHEMA `{access.project}`.`{dataset}` TO "{member(access)}"'
    return f"bq query --project_id={access.project} --use_legacy_sql=false '{statement}'"


def _real(access: Access) -> Credentials | None:
    """The credentials of those services that are no emulators: the same for all."""
    return next(
        (each for service, each in access.credentials.items() if service not in access.emulated), None
    )


def _mend(access: Access) -> str:
    if access.identity is None:
        return "gcloud auth application-default login"
    return f"gcloud iam service-accounts keys list --iam-account={access.identity} --project={access.project}"
