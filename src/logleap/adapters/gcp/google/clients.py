"""Clients of BigQuery, Cloud Storage and Firestore, of the services or of emulators.

These variables lead to an emulator, with anonymous credentials: `BIGQUERY_EMULATOR_HOST` and
`STORAGE_EMULATOR_HOST` (`http://host:port`), `BIGQUERY_STORAGE_EMULATOR_HOST` and `FIRESTORE_EMULATOR_HOST`
(`host:port`, gRPC). Requests over HTTP have deadlines that hold; over gRPC each call sets its own.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypedDict, TypeVar

import google.auth
import grpc
from google.api_core.retry import Retry
from google.auth.credentials import AnonymousCredentials, Credentials, with_scopes_if_required
from google.auth.transport.requests import AuthorizedSession
from google.cloud import bigquery, firestore
from google.cloud.bigquery_storage_v1 import BigQueryReadClient, BigQueryWriteClient
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport
from google.cloud.bigquery_storage_v1.services.big_query_write.transports import BigQueryWriteGrpcTransport
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport
from grpc.experimental import ChannelOptions
from requests import Response
from requests.adapters import HTTPAdapter

from logleap.adapters.gcp.google.deadlines import retrying

if TYPE_CHECKING:
    from google.cloud.storage import Client as StorageClient


class Request(TypedDict):
    """The keyword arguments for each call of `bigquery.Client`; `timeout` (seconds) is for one attempt."""

    retry: Retry
    timeout: float


REQUEST = Request(retry=retrying(4.0), timeout=5.0)
"""No attempt begins after 4 seconds: a service that is down is reported within nine."""

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
CONNECT_SECONDS = 2.0
READ_SECONDS = 5.0
"""Without a byte from the service."""

TOKEN_SECONDS = 2.0
MAX_IDLE_CONNECTIONS = 32
"""Kept open, for as many threads."""


def bigquery_client(project: str, credentials: Credentials | None = None) -> bigquery.Client:
    """The client of BigQuery's REST API. Without `credentials`, Google's Application Default Credentials.

    Threads may share it. It cannot be forked: build it in the process that uses it.
    """
    session = _session("BIGQUERY_EMULATOR_HOST", credentials)
    return bigquery.Client(project, session.credentials, _http=session)


def storage_client(project: str, credentials: Credentials | None = None) -> "StorageClient":
    """The client of Cloud Storage; as above."""
    from google.cloud.storage import Client

    # Else a thread requests, for minutes and with a permission that LogLeap does not need, what only Google's
    # traces show.
    os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
    session = _session("STORAGE_EMULATOR_HOST", credentials)
    return Client(project, session.credentials, _http=session)


def write_client(credentials: Credentials | None = None) -> BigQueryWriteClient:
    """The client of the Storage Write API; as above."""
    emulator = os.environ.get("BIGQUERY_STORAGE_EMULATOR_HOST")
    if emulator:
        transport = BigQueryWriteGrpcTransport(channel=grpc.insecure_channel(emulator))
        return BigQueryWriteClient(transport=transport)
    return BigQueryWriteClient(credentials=credentials)


def close_write_client(client: BigQueryWriteClient) -> None:
    """Close its connection."""
    client.transport.close()


def read_client(credentials: Credentials | None = None) -> BigQueryReadClient:
    """The client of the Storage Read API; as above. Its streams are read in the caller's thread."""
    emulator = os.environ.get("BIGQUERY_STORAGE_EMULATOR_HOST")
    channel: grpc.Channel
    if emulator:
        channel = grpc.insecure_channel(emulator, options=_CHANNEL_OPTIONS)
    else:
        channel = BigQueryReadGrpcTransport.create_channel(
            BigQueryReadGrpcTransport.DEFAULT_HOST, credentials=credentials, options=_CHANNEL_OPTIONS
        )
    return BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))


def close_read_client(client: BigQueryReadClient) -> None:
    """Close its connection."""
    client.transport.close()


def firestore_client(project: str, credentials: Credentials | None = None) -> firestore.Client:
    """Google's client of Firestore; as above."""
    return firestore.Client(project, credentials)


@dataclass(frozen=True, slots=True)
class FirestoreConnection:
    """A channel to Firestore, and the headers that this server asks for with each request."""

    channel: grpc.Channel
    headers: Sequence[tuple[str, str]] = ()


def connect_firestore(credentials: Credentials | None = None) -> FirestoreConnection:
    """A connection on which a read takes no thread of its own; as above.

    gRPC's Python starts one for each answer that comes as a stream, as all of Firestore's reads do; the
    option, which it calls experimental, lets the caller's thread wait instead. All else is as the library's
    client has it.
    """
    emulator = os.environ.get("FIRESTORE_EMULATOR_HOST")
    if emulator:
        channel = grpc.insecure_channel(emulator, options=_CHANNEL_OPTIONS)
        return FirestoreConnection(channel, [("authorization", "Bearer owner")])
    channel = FirestoreGrpcTransport.create_channel(
        FirestoreGrpcTransport.DEFAULT_HOST, credentials=credentials, options=_CHANNEL_OPTIONS
    )
    return FirestoreConnection(channel)


_CHANNEL_OPTIONS = [
    (ChannelOptions.SingleThreadedUnaryStream, 1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
]


def _session(emulator_variable: str, credentials: Credentials | None) -> AuthorizedSession:
    if os.environ.get(emulator_variable):  # the client goes to its address by itself
        credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]
    elif credentials is None:
        credentials, _ = google.auth.default(scopes=_SCOPES)
    credentials = with_scopes_if_required(credentials, _SCOPES)  # type: ignore[no-untyped-call]
    session = AuthorizedSession(credentials, refresh_timeout=TOKEN_SECONDS)  # type: ignore[no-untyped-call]
    for scheme in ("https://", "http://"):
        session.mount(scheme, _BoundedAdapter(pool_maxsize=MAX_IDLE_CONNECTIONS))
    return session


class _BoundedAdapter(HTTPAdapter):
    """Bounds every request: the client waits at least 120 s for a query's results, whatever its timeout."""

    def send(self, *args: Any, **options: Any) -> Response:
        timeout = options.get("timeout")
        read = min(timeout, READ_SECONDS) if isinstance(timeout, int | float) else READ_SECONDS
        return super().send(*args, **{**options, "timeout": (CONNECT_SECONDS, read)})


Client = TypeVar("Client")


class Lazy(Generic[Client]):
    """A client that is built at its first use, by whichever thread: after a server's fork, and once."""

    def __init__(self, build: Callable[[], Client], release: Callable[[Client], object]) -> None:
        self._build = build
        self._release = release
        self._lock = Lock()
        self._client: Client | None = None

    def __call__(self) -> Client:
        with self._lock:
            if self._client is None:
                self._client = self._build()
            return self._client

    def close(self) -> None:
        """Release the client. The next use builds a new one."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            self._release(client)
