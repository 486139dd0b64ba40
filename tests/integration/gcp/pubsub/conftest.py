"""Queues on the Pub/Sub emulator, and stand-ins for what no emulator has: roles, refusals, silence."""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.auth.credentials import AnonymousCredentials, Credentials
from google.pubsub_v1 import PublisherClient, SubscriberClient

from logleap.adapters.gcp.queue import PubSubTrainingQueue, QueueNames, publisher, subscriber
from tools.emulators import Emulators

Answer = Callable[[bytes, grpc.ServicerContext], bytes]


@pytest.fixture(autouse=True)
def emulated(emulators: Emulators, monkeypatch: pytest.MonkeyPatch) -> None:
    """All three services are emulators."""
    for name, value in emulators.exports().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def anonymous() -> Credentials:
    """What emulators are content with."""
    return AnonymousCredentials()  # type: ignore[no-untyped-call]


@pytest.fixture
def names(emulators: Emulators) -> QueueNames:
    """Names that nothing has yet."""
    unique = uuid4().hex
    return QueueNames(
        emulators.exports()["GOOGLE_CLOUD_PROJECT"], f"topic-{unique}", f"subscription-{unique}"
    )


@pytest.fixture
def publishing(anonymous: Credentials) -> Iterator[PublisherClient]:
    """A client of topics."""
    client = publisher(anonymous)
    yield client
    client.transport.close()  # type: ignore[no-untyped-call]


@pytest.fixture
def subscribing(anonymous: Credentials) -> Iterator[SubscriberClient]:
    """A client of subscriptions."""
    client = subscriber(anonymous)
    yield client
    client.transport.close()  # type: ignore[no-untyped-call]


@pytest.fixture
def make_queue(
    names: QueueNames, publishing: PublisherClient, subscribing: SubscriberClient, anonymous: Credentials
) -> Iterator[Callable[..., PubSubTrainingQueue]]:
    """Makes the queue; its subscription is as the keywords say, else one that delivers again at once."""
    queues = []

    def make(hold: float = 60.0, **fields: Any) -> PubSubTrainingQueue:
        for topic in (names.topic_path, names.dead_topic_path):
            publishing.create_topic(name=topic)
        dead = {"name": names.dead_subscription_path, "topic": names.dead_topic_path}
        subscribing.create_subscription(request=dead)
        letters = {"dead_letter_topic": names.dead_topic_path, "max_delivery_attempts": 5}
        fields = {"ack_deadline_seconds": 10, "dead_letter_policy": letters} | fields
        main = {"name": names.subscription_path, "topic": names.topic_path}
        subscribing.create_subscription(request=main | fields)
        queues.append(PubSubTrainingQueue(names, anonymous, ack_deadline=hold))
        return queues[-1]

    yield make
    for queue in queues:
        queue.close()


@pytest.fixture
def queue(make_queue: Callable[..., PubSubTrainingQueue]) -> PubSubTrainingQueue:
    return make_queue()


@pytest.fixture
def closed_port() -> str:
    """An address where nobody listens."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def silent_port() -> Iterator[str]:
    """An address where somebody listens and never says a word."""
    with closing(socket.socket()) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(100)
        yield f"127.0.0.1:{silent.getsockname()[1]}"


class Front(grpc.GenericRpcHandler):
    """Answers some methods itself, of what is asked over gRPC, and passes the others on."""

    def __init__(self, behind: str) -> None:
        self.answers: dict[str, Answer] = {}
        self._channel = grpc.insecure_channel(behind)

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        name = details.method.rpartition("/")[2]
        answer = self.answers.get(name) or self._pass_on(details.method)
        return grpc.unary_unary_rpc_method_handler(answer)

    def _pass_on(self, method: str) -> Answer:
        call: Any = self._channel.unary_unary(method)

        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            try:
                answered: bytes = call(request, timeout=10)
            except grpc.RpcError as error:
                context.abort(error.code(), error.details() or "")
            return answered

        return answer

    def close(self) -> None:
        self._channel.close()


@pytest.fixture
def make_front() -> Iterator[Callable[[str], tuple[Front, str]]]:
    """Puts a Front before a gRPC service: the front, and its address."""
    opened: list[tuple[Front, grpc.Server]] = []

    def make(behind: str) -> tuple[Front, str]:
        front = Front(behind)
        server = grpc.server(ThreadPoolExecutor(4), handlers=[front])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        opened.append((front, server))
        return front, f"127.0.0.1:{port}"

    yield make
    for front, server in opened:
        server.stop(None).wait()
        front.close()


@pytest.fixture
def front(
    emulators: Emulators, make_front: Callable[[str], tuple[Front, str]], monkeypatch: pytest.MonkeyPatch
) -> Front:
    """Before the Pub/Sub emulator, for clients that are made from now on."""
    front, address = make_front(emulators.exports()["PUBSUB_EMULATOR_HOST"])
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", address)
    return front


@pytest.fixture
def race() -> Callable[..., list[Any]]:
    """Makes all calls at the same moment, each in a thread; what they return, in their order."""

    def run(*calls: Callable[[], Any]) -> list[Any]:
        barrier = Barrier(len(calls))

        def call(each: Callable[[], Any]) -> Any:
            barrier.wait()
            return each()

        with ThreadPoolExecutor(len(calls)) as threads:
            return list(threads.map(call, calls))

    return run
