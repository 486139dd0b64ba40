"""Clients of the emulators, for what the contract suites don't show."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

import grpc
import pytest
from google.cloud.firestore import Client

from logleap.adapters.gcp.google.clients import FirestoreConnection, connect_firestore, firestore_client
from tools.emulators import Emulators


class LostCall(grpc.RpcError):
    """A call that ended with `status`, as gRPC shows it to a client."""

    def __init__(self, status: grpc.StatusCode) -> None:
        super().__init__()
        self._status = status

    def code(self) -> grpc.StatusCode:
        return self._status

    def details(self) -> str:
        return "made up by a test"

    def trailing_metadata(self) -> tuple[()]:
        return ()

    def result(self) -> None:
        raise self


class Wire(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """Stands between a client and the service: notes each request, and can lose one.

    `requests` are (method, request). `before` is called with the method before each request is sent.
    `lose(...)` loses the next commit: before the service saw it, or after it was carried out.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, Any]] = []
        self.before: Callable[[str], object] = lambda method: None
        self._lock = Lock()
        self._losses: list[tuple[grpc.StatusCode, bool]] = []

    def lose(self, status: grpc.StatusCode, *, carried_out: bool) -> None:
        self._losses.append((status, carried_out))

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        method = self._note(client_call_details, request)
        with self._lock:
            loss = self._losses.pop() if method == "Commit" and self._losses else None
        if loss is None:
            return continuation(client_call_details, request)
        status, carried_out = loss
        if carried_out:
            continuation(client_call_details, request).exception()  # whatever the answer was, it is lost
        return LostCall(status)

    def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        self._note(client_call_details, request)
        return continuation(client_call_details, request)

    def _note(self, details: Any, request: Any) -> str:
        method = str(details.method).rpartition("/")[2]
        self.before(method)
        self.requests.append((method, request))
        return method


@dataclass(frozen=True)
class FirestoreSite:
    """What a FirestoreDatabase is made of."""

    client: Client
    connect: Callable[[], FirestoreConnection]


class WatchedClient(Client):
    """A Firestore client whose requests go through a Wire."""

    def __init__(self, wire: Wire, **options: Any) -> None:
        super().__init__(**options)
        self._wire = wire

    def _emulator_channel(self, transport: Any) -> grpc.Channel:
        return grpc.intercept_channel(super()._emulator_channel(transport), self._wire)  # type: ignore[no-untyped-call]


@pytest.fixture(scope="session")
def firestore_options(emulators: Emulators) -> dict[str, Any]:
    """The environment of a client of the emulator."""
    exports = emulators.exports()
    return {"project": exports["GOOGLE_CLOUD_PROJECT"], "host": exports["FIRESTORE_EMULATOR_HOST"]}


@pytest.fixture(scope="session")
def firestore_site(firestore_options: dict[str, Any]) -> Iterator[FirestoreSite]:
    """Connections to the emulator. Tests keep apart by a prefix of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRESTORE_EMULATOR_HOST", firestore_options["host"])
        client = firestore_client(firestore_options["project"])
        connection = connect_firestore()
    yield FirestoreSite(client, lambda: connection)
    client._firestore_api.transport.close()
    connection.channel.close()


@pytest.fixture
def wire() -> Wire:
    """What the requests of `watched_site` go through."""
    return Wire()


@pytest.fixture
def watched_site(firestore_options: dict[str, Any], wire: Wire) -> Iterator[FirestoreSite]:
    """Connections to the emulator behind `wire`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRESTORE_EMULATOR_HOST", firestore_options["host"])
        client = WatchedClient(wire, project=firestore_options["project"])
        connection = connect_firestore()
    watched = replace(connection, channel=grpc.intercept_channel(connection.channel, wire))
    yield FirestoreSite(client, lambda: watched)
    client._firestore_api.transport.close()
    connection.channel.close()
