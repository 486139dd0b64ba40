"""All settings, each also an environment variable `LOGLEAP_…`; what the command line says wins."""

import base64
import difflib
import ipaddress
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from logleap.codecs.limits import DEFAULT_LIMITS, MIB
from logleap.domain.datasets import Retention
from logleap.domain.keys import OWNER, ApiKey
from logleap.domain.runs import LONGEST_LEASE
from logleap.ordering.scratch import DEFAULT_LIMIT

_PREFIX = "LOGLEAP_"
_CLIENT_VARIABLES = {"LOGLEAP_URL", "LOGLEAP_API_KEY"}

MAX_TIME_LIMIT = 10**9
"""Seconds that a run may be allowed at most: some 31 years."""

_SECRET = {
    "api_keys",
    "quota_store",
    "events_url",
    "events_secret",
}  # or what may hold one by mistake: not shown in errors


class SettingsError(Exception):
    """A setting is wrong. The text is one line: the setting, its value, what is allowed."""


def _api_keys(value: object) -> object:
    if not isinstance(value, str):
        return value
    keys, now = [], datetime.now(UTC)
    for number, item in enumerate(filter(None, (part.strip() for part in value.split(","))), start=1):
        match = re.fullmatch(rf"([A-Za-z0-9_-]{{1,64}}):({OWNER}):([0-9a-f]{{64}})", item)
        if match is None:
            raise ValueError(f"key {number} is not keyId:owner:sha256 (64 hex digits, lower case)")
        keys.append(ApiKey(match[1], match[2], match[3], created_at=now))
    if len({key.key_id for key in keys}) < len(keys):
        raise ValueError("each keyId may appear only once")
    return tuple(keys)


def _hosts(value: object) -> object:
    if not isinstance(value, str):
        return value
    hosts = tuple(filter(None, (part.strip() for part in value.split(","))))
    for host in hosts:
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]", host):
            raise ValueError(
                f"{host!r} is not a host name or address, without a port: logs.example.org,10.0.0.4"
            )
    return hosts


def _rate(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"[1-9][0-9]{0,14}/(second|minute|hour|day)", value):
        raise ValueError(
            "must be a positive number, a slash, and second, minute, hour or day, such as 600/minute"
        )
    return value


def _duration(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"([1-9][0-9]{0,9})([smhdw]?)", value)
    if match is None:
        raise ValueError("must be a positive number and s, m, h, d or w, such as 7d or 36h")
    seconds = int(match[1]) * _UNITS[match[2]]
    if seconds > MAX_TIME_LIMIT:
        raise ValueError("must be at most 11574d")
    return timedelta(seconds=seconds)


def _events_url(value: object) -> object:
    if not isinstance(value, str):
        return value
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or not re.fullmatch(r"[!-~]+", value):
        raise ValueError("must be the URL of a receiver, such as https://hooks.example.org/logleap")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must hold no name and no password: the receiver checks the signature")
    if parts.port == 0:  # which raises ValueError for those beyond 65535
        raise ValueError("must not have the port 0")
    return value


def _events_secrets(value: object) -> object:
    """Each `whsec_` and 24 to 64 bytes in base64, as Standard Webhooks has them; the first signs first."""
    if not isinstance(value, str):
        return value
    secrets = []
    for number, text in enumerate(filter(None, (part.strip() for part in value.split(","))), start=1):
        try:
            secret = base64.b64decode(text.removeprefix("whsec_"), validate=True)
        except ValueError:
            secret = b""
        if not text.startswith("whsec_") or not 24 <= len(secret) <= 64:
            raise ValueError(f"secret {number} is not whsec_ and 24 to 64 bytes in base64")
        secrets.append(secret)
    return tuple(secrets)


_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_Duration = Annotated[timedelta | None, BeforeValidator(_duration)]

_Rate = Annotated[str, BeforeValidator(_rate)]


class Settings(BaseSettings):
    """What can be set. Durations are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    backend: str = "local"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    data_dir: Path = Path("logleap-data")
    disk_reserve: Annotated[int | None, Field(ge=0)] = None
    worker: bool = True
    threads: Annotated[int, Field(ge=1, le=256)] = 8
    processes: Annotated[int, Field(ge=1, le=256)] = 1

    auth: Literal["keys", "none"] | None = None
    api_keys: Annotated[tuple[ApiKey, ...], NoDecode, BeforeValidator(_api_keys), Field(repr=False)] = ()

    path_prefix: Annotated[str | None, Field(pattern=r"^(/[A-Za-z0-9._~-]+)+$")] = None
    console_session: Annotated[timedelta, BeforeValidator(_duration)] = timedelta(hours=12)

    allowed_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_hosts)] = ()

    requests_per_owner: _Rate | None = None
    entries_per_owner: _Rate | None = None
    datasets_per_owner: _Rate | None = None
    quota_store: Annotated[str | None, Field(pattern=r"^(rediss?|redis\+unix)://.", repr=False)] = None

    json_body_limit: Annotated[int, Field(ge=1)] = DEFAULT_LIMITS.json_bytes
    ndjson_body_limit: Annotated[int, Field(ge=1)] = DEFAULT_LIMITS.ndjson_bytes
    entry_limit: Annotated[int, Field(ge=1, le=4 * MIB)] = DEFAULT_LIMITS.entry_bytes
    json_entries_limit: Annotated[int, Field(ge=1)] = DEFAULT_LIMITS.json_entries
    request_time_limit: Annotated[float, Field(ge=1)] = 1800.0
    mappings: Path | None = None
    temporary_limit: Annotated[int, Field(ge=0)] = DEFAULT_LIMIT

    training_task: str = "count-entries"
    masks: Path | None = None
    run_lease: Annotated[float, Field(ge=0.1, le=LONGEST_LEASE.total_seconds())] = 30.0
    run_patience: Annotated[float, Field(ge=0.1)] = 600.0
    run_max_attempts: Annotated[int, Field(ge=1, le=100)] = 5
    run_time_limit: Annotated[float, Field(ge=0.1, le=MAX_TIME_LIMIT)] = 24 * 3600.0
    concurrent_runs: Annotated[int, Field(ge=1, le=64)] = 1
    task_isolation: Literal["process", "thread"] | None = None
    stop_grace: Annotated[float, Field(ge=0, le=3600)] = 20.0
    sweep_interval: Annotated[float, Field(ge=0.05)] = 30.0

    archive_url: Annotated[str | None, Field(pattern=r"^(file:///|gs://[^/]+)")] = None
    archive_after: _Duration = None
    delete_after: _Duration = None
    artifact_url: Annotated[str | None, Field(pattern=r"^(file:///|gs://[^/]+)")] = None
    artifact_limit: Annotated[int, Field(ge=1)] = 1024 * MIB
    gcp_project: str | None = None
    firestore_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")] = "logleap"
    bigquery_dataset: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,1024}$")] = "logleap"
    bigquery_location: str = "US"
    bigquery_layout: Literal["table-per-dataset", "shared-table"] = "table-per-dataset"
    bigquery_writer: Literal["storage-write", "streaming-insert"] = "storage-write"
    pubsub_topic: str = "logleap-training"
    pubsub_subscription: str = "logleap-worker"
    push_audience: str | None = None
    push_service_account: str | None = None

    events_url: Annotated[str | None, BeforeValidator(_events_url), Field(repr=False)] = None
    events_secret: Annotated[
        tuple[bytes, ...], NoDecode, BeforeValidator(_events_secrets), Field(repr=False)
    ] = ()
    events_topic: Annotated[str | None, Field(pattern=r"^[A-Za-z][A-Za-z0-9._~+%-]{2,254}$")] = None
    events_source: Annotated[str, Field(pattern=r"^[!-~]{1,200}$")] = "/logleap"
    events_timeout: Annotated[float, Field(ge=0.1, le=300)] = 15.0
    events_retry_after: Annotated[float, Field(ge=0.05, le=3600)] = 5.0
    events_give_up_after: Annotated[timedelta, BeforeValidator(_duration)] = timedelta(days=1)
    events_interval: Annotated[float, Field(ge=0.05, le=3600)] = 2.0

    heartbeat_file: Path | None = None
    metrics_port: Annotated[int | None, Field(ge=0, le=65535)] = None
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def archive_to(self) -> str:
        """Where archives go: `archive_url`, or a folder in `data_dir`."""
        return self.archive_url or (self.data_dir.absolute() / "archive").as_uri()

    @property
    def artifacts_to(self) -> str:
        """Where artifacts go: `artifact_url`, or beside archives in a bucket, or a folder in `data_dir`."""
        if self.artifact_url is None and self.archive_to.startswith("gs://"):
            return f"{self.archive_to.rstrip('/')}/artifacts"
        return self.artifact_url or (self.data_dir.absolute() / "artifacts").as_uri()

    @property
    def retention(self) -> Retention:
        """After how long data sets are archived and deleted, unless they ask for less."""
        return Retention(self.archive_after, self.delete_after)

    @property
    def events_on(self) -> bool:
        """Whether changes of data sets are told to others."""
        return self.events_url is not None or self.events_topic is not None

    @property
    def lease(self) -> timedelta:
        """How long a claimed run is the worker's without a renewal."""
        return timedelta(seconds=self.run_lease)

    @property
    def patience(self) -> timedelta:
        """How long a queued run waits before its message counts as lost."""
        return timedelta(seconds=self.run_patience)

    @property
    def time_limit(self) -> timedelta:
        """How long a run may take from its first attempt."""
        return timedelta(seconds=self.run_time_limit)

    @property
    def grace(self) -> timedelta:
        """How long a task may go on after the worker was told to stop."""
        return timedelta(seconds=self.stop_grace)

    def keys_required(self, *, by_backend: bool) -> bool | None:
        """Whether callers must show a key. None: as soon as there is one.

        `by_backend` is whether the backend requires them wherever the server listens.
        """
        if self.auth is not None:
            return self.auth == "keys"
        if self.api_keys or by_backend or not is_loopback(self.host):
            return True
        return None


def is_loopback(host: str) -> bool:
    """Whether it is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def load_settings(flags: Mapping[str, Any] | None = None) -> Settings:
    """The settings of flags (None counts as not given), environment and defaults.

    Raises SettingsError for the first thing that is wrong.
    """
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    known = {_PREFIX + name.upper() for name in Settings.model_fields} | _CLIENT_VARIABLES
    for variable in sorted(os.environ):
        if variable.startswith(_PREFIX) and variable not in known:
            close = difflib.get_close_matches(variable, known, n=1)
            raise SettingsError(
                f"Unknown setting {variable}." + (f" Did you mean {close[0]}?" if close else "")
            )
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingsError(_in_one_line(error, given)) from None


def _in_one_line(error: ValidationError, given: Mapping[str, Any]) -> str:
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "?"
    variable = _PREFIX + name.upper()
    said = given.get(name, os.environ.get(variable))
    value = "" if name in _SECRET else f" is {str(said)!r}"
    return f"{variable}{value}: {first['msg'].removeprefix('Value error, ')}."
