"""Who LogLeap is to Google Cloud, and in which project."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import google.auth
from google.auth.credentials import AnonymousCredentials, Credentials
from google.oauth2 import service_account

Service = Literal["bigquery", "firestore", "pubsub", "storage"]

PLAINTEXT = "GOOGLE_APPLICATION_CREDENTIALS_PLAINTEXT"
_PATH = "GOOGLE_APPLICATION_CREDENTIALS"
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_EMULATORS: Mapping[Service, Sequence[str]] = {
    "bigquery": ("BIGQUERY_EMULATOR_HOST", "BIGQUERY_STORAGE_EMULATOR_HOST"),
    "firestore": ("FIRESTORE_EMULATOR_HOST",),
    "pubsub": ("PUBSUB_EMULATOR_HOST",),
    "storage": ("STORAGE_EMULATOR_HOST",),
}


class CredentialsError(Exception):
    """There are no usable credentials, or no project. The text is one line and holds nothing of a key."""


@dataclass(frozen=True, slots=True)
class Access:
    """The project, and the credentials for each service that was asked for.

    A service whose emulator variable is set has anonymous credentials.
    """

    project: str
    credentials: Mapping[Service, Credentials] = field(repr=False)

    @property
    def emulated(self) -> frozenset[Service]:
        """The services that are emulators."""
        return frozenset(
            service
            for service, credentials in self.credentials.items()
            if isinstance(credentials, AnonymousCredentials)
        )

    @property
    def identity(self) -> str | None:
        """The service account's address, as far as the credentials tell; None also if all is emulated."""
        for credentials in self.credentials.values():
            email = getattr(credentials, "service_account_email", None)
            if isinstance(email, str) and "@" in email:
                return email
        return None


def find_access(
    project: str | None = None, services: Sequence[Service] = ("bigquery", "firestore", "pubsub")
) -> Access:
    """The access to `services`, from the environment. Raises CredentialsError.

    Where no emulator variable is set for a service, the key in GOOGLE_APPLICATION_CREDENTIALS_PLAINTEXT (a
    service account's JSON in one line) counts, else Google's Application Default Credentials: the file that
    GOOGLE_APPLICATION_CREDENTIALS names, gcloud's login, the service account of the machine. If all services
    are emulated no credentials are looked up. The plaintext variable is taken out of the environment in any
    case, and remembered for a further call in this process.
    `project` wins over GOOGLE_CLOUD_PROJECT, and that over the project of the credentials.
    """
    found: _Found | str = _Found(AnonymousCredentials(), None)  # type: ignore[no-untyped-call]
    emulated = {service: any(map(os.environ.get, _EMULATORS[service])) for service in services}
    plaintext = _plaintext_credentials()
    if not all(emulated.values()):
        found = _default_credentials() if plaintext is None else plaintext
    # What went wrong comes back as text and is raised here, because an exception would bring its causes and
    # the variables of the frames along, and with them the key.
    if isinstance(found, str):
        raise CredentialsError(found)
    project = project or os.environ.get("GOOGLE_CLOUD_PROJECT") or found.project
    if not project:
        raise CredentialsError("No Google Cloud project: set LOGLEAP_GCP_PROJECT, the credentials name none.")
    anonymous = AnonymousCredentials()  # type: ignore[no-untyped-call]
    return Access(
        project, {service: anonymous if emulated[service] else found.credentials for service in services}
    )


@dataclass(frozen=True, slots=True)
class _Found:
    credentials: Credentials
    project: str | None


_taken: _Found | str | None = None
_plaintext: str | None = None


def handover() -> Mapping[str, str]:
    """The variable that was taken out of the environment, for a process that is to have the same access."""
    return {} if _plaintext is None else {PLAINTEXT: _plaintext}


def _plaintext_credentials() -> _Found | str | None:
    """The credentials of the plaintext variable, what is wrong with them, or None if there are none."""
    global _plaintext, _taken  # noqa: PLW0603 -- the variable can be read once only
    value = os.environ.pop(PLAINTEXT, "")
    if value:
        _plaintext = value
        _taken = _parsed(value)
    return _taken


def _parsed(value: str) -> _Found | str:
    try:
        key = json.loads(value)
    except (ValueError, RecursionError):
        return f"{PLAINTEXT} is not JSON: use a service account's key in one line, without quotes around."
    if not isinstance(key, dict) or key.get("type") != "service_account":
        return f"{PLAINTEXT} is not a service account's key. For another kind set {_PATH} to its file."
    for name in ("client_email", "private_key", "token_uri"):
        if not isinstance(key.get(name), str):
            return f"{PLAINTEXT} is not a whole service account's key: {name} is missing."
    try:
        credentials = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
            key, scopes=_SCOPES
        )
    except Exception:  # noqa: BLE001 -- whatever the library says of the key is not passed on
        return f"{PLAINTEXT} has a private_key that cannot be read: take the file's text over unchanged."
    project = key.get("project_id")
    return _Found(credentials, project if isinstance(project, str) else None)


def _default_credentials() -> _Found | str:
    """Google's Application Default Credentials, or why there are none."""
    path = os.environ.get(_PATH, "")
    if "{" in path:
        return f"{_PATH} holds text where a file's path belongs. For a key in one line there is {PLAINTEXT}."
    shown = repr(path) if len(path) < 256 else "a text too long for a path"  # and maybe a key
    if path and not os.path.isfile(path):  # noqa: PTH113 -- Path.is_file() raises for a path too long
        return f"{_PATH} is {shown}, and there is no such file."
    try:
        credentials, project = google.auth.default(scopes=_SCOPES)
    except Exception as error:  # noqa: BLE001 -- a file's content makes google-auth raise about anything
        if path:
            kind = type(error).__name__
            return f"{_PATH} is {shown}, which is not a usable credentials file ({kind})."
        return (
            "No Google Cloud credentials: run where a service account is attached, or set "
            f"{_PATH} to a key file's path, or run `gcloud auth application-default login`."
        )
    return _Found(credentials, project)
