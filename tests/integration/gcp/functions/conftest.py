"""The functions as Cloud Functions runs them: each in a functions-framework process, over the emulators."""

import base64
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from google.api_core.exceptions import DeadlineExceeded
from google.auth.credentials import AnonymousCredentials
from google.pubsub_v1 import PublisherClient, PubsubMessage, PushConfig, ReceivedMessage, SubscriberClient

from tools.emulators import Emulators

ROOT = Path(__file__).parents[4]


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOGLEAP_")}
    return kept | variables


@dataclass(frozen=True)
class Project:
    """What one run of these tests has in the emulators, under names of its own."""

    variables: Mapping[str, str]
    publisher: PublisherClient
    subscriber: SubscriberClient

    @property
    def name(self) -> str:
        return self.variables["GOOGLE_CLOUD_PROJECT"]

    @property
    def topic(self) -> str:
        return self.publisher.topic_path(self.name, self.variables["LOGLEAP_PUBSUB_TOPIC"])

    def subscription(self, suffix: str = "") -> str:
        return self.subscriber.subscription_path(
            self.name, self.variables["LOGLEAP_PUBSUB_SUBSCRIPTION"] + suffix
        )

    def received(self, body: bytes, *, suffix: str = "") -> PubsubMessage:
        """The message of this body, taken for good off the subscription, once it comes."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for received in self._pulled(suffix):
                if received.message.data == body:
                    self.subscriber.acknowledge(
                        subscription=self.subscription(suffix), ack_ids=[received.ack_id]
                    )
                    return received.message
        raise AssertionError("the message did not come")

    def _pulled(self, suffix: str) -> list[ReceivedMessage]:
        with contextlib.suppress(DeadlineExceeded):
            answer = self.subscriber.pull(
                subscription=self.subscription(suffix), max_messages=10, retry=None, timeout=2
            )
            return list(answer.received_messages)
        return []

    @contextlib.contextmanager
    def pushing_to(self, url: str) -> Iterator[None]:
        """A push subscription on the topic."""
        subscription = self.subscription(f"-push-{uuid4().hex[:8]}")
        self.subscriber.create_subscription(
            name=subscription, topic=self.topic, push_config=PushConfig(push_endpoint=url)
        )
        try:
            yield
        finally:
            self.subscriber.delete_subscription(subscription=subscription)


@pytest.fixture(scope="session")
def project(emulators: Emulators) -> Iterator[Project]:
    unique = uuid4().hex[:8]
    names = {
        "LOGLEAP_FIRESTORE_PREFIX": f"functions-{unique}",
        "LOGLEAP_BIGQUERY_DATASET": f"functions_{unique}",
        "LOGLEAP_PUBSUB_TOPIC": f"functions-{unique}",
        "LOGLEAP_PUBSUB_SUBSCRIPTION": f"functions-{unique}",
        "LOGLEAP_AUTH": "none",
    }
    variables = {**emulators.exports(), **names}
    subprocess.run(
        [sys.executable, "-m", "logleap.entrypoints.cli", "gcp", "setup"],
        env=environment(**variables),
        check=True,
        timeout=60,
    )
    anonymous = AnonymousCredentials()  # type: ignore[no-untyped-call]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUBSUB_EMULATOR_HOST", variables["PUBSUB_EMULATOR_HOST"])
        publisher = PublisherClient(credentials=anonymous)
        subscriber = SubscriberClient(credentials=anonymous)
    yield Project(variables, publisher, subscriber)
    publisher.transport.close()  # type: ignore[no-untyped-call]
    subscriber.transport.close()  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Function:
    """A function that is running."""

    url: str
    http: httpx2.Client
    log_file: Path

    def log(self) -> list[dict[str, Any]]:
        """What it logged. Every line is a JSON object."""
        return [json.loads(line) for line in self.log_file.read_text().splitlines()]

    def deliver(self, body: bytes, *, attributes: bool = True, structured: bool = False) -> httpx2.Response:
        """A message of Pub/Sub's as Eventarc delivers it: a CloudEvent, in binary or in structured mode."""
        message: dict[str, Any] = {"data": base64.b64encode(body).decode(), "messageId": "1"}
        if attributes:
            message["attributes"] = {"sender": "logleap"}
        return self.deliver_event(
            {"message": message, "subscription": "projects/p/subscriptions/s"}, structured
        )

    def deliver_event(self, data: Any, structured: bool = False) -> httpx2.Response:
        event = {
            "specversion": "1.0",
            "id": str(uuid4()),
            "source": "//pubsub.googleapis.com/projects/p/topics/t",
            "type": "google.cloud.pubsub.topic.v1.messagePublished",
        }
        if structured:
            content = json.dumps({**event, "datacontenttype": "application/json", "data": data})
            headers = {"Content-Type": "application/cloudevents+json"}
        else:
            content = json.dumps(data)
            headers = {"Content-Type": "application/json"}
            headers |= {f"ce-{name}": value for name, value in event.items()}
        return self.http.post("/", content=content, headers=headers)


RunFunction = Callable[..., contextlib.AbstractContextManager[Function]]


@pytest.fixture(scope="session")
def run_function(project: Project, tmp_path_factory: pytest.TempPathFactory) -> RunFunction:
    """Starts functions, with further variables; a context manager."""

    @contextlib.contextmanager
    def call(target: str, **variables: str) -> Iterator[Function]:
        folder = tmp_path_factory.mktemp(target)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        arguments = ["--source", str(ROOT / "main.py"), "--target", target]
        # XDG_RUNTIME_DIR: where gunicorn puts its control socket.
        everything = environment(**{**project.variables, "XDG_RUNTIME_DIR": str(folder), **variables})
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "functions_framework",
                    *arguments,
                    "--host",
                    "127.0.0.1",
                    "--port",
                    str(port),
                ],
                stdout=log,
                stderr=log,
                env=everything,
            )
        try:
            _wait_for(port, process)
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=90, trust_env=False) as http:
                yield Function(f"http://127.0.0.1:{port}", http, folder / "log")
        finally:
            process.terminate()
            process.wait(timeout=40)

    return call


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the function ended by itself"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the function did not start")


@pytest.fixture(scope="session")
def api(run_function: RunFunction) -> Iterator[Function]:
    with run_function("api") as function:
        yield function


@pytest.fixture(scope="session")
def train(run_function: RunFunction) -> Iterator[Function]:
    with run_function("train") as function:
        yield function
