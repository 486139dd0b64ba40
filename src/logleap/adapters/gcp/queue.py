"""The training queue on Pub/Sub."""

import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Lock

from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.auth.credentials import Credentials
from google.pubsub_v1 import PublisherClient, PubsubMessage, ReceivedMessage, SubscriberClient

from logleap.adapters.gcp.google.deadlines import ATTEMPT_SECONDS, RETRY, TOTAL_SECONDS
from logleap.adapters.gcp.google.errors import translated
from logleap.ports.errors import Unavailable
from logleap.ports.queue import Delivery, TrainingQueue

log = logging.getLogger(__name__)

MAX_ACK_DEADLINE = 600
"""Seconds for which a delivery can be extended, or delayed, at once.

https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#modifyackdeadlinerequest
"""

_SENDER = {"sender": "logleap"}  # an attribute always: push receivers have choked on messages without any
MAX_REASON_BYTES = 1024
"""Of an attribute\'s value: https://cloud.google.com/pubsub/quotas"""

PULL_PAUSE_SECONDS = 0.1
"""Between two pulls, where the service answers an empty one early."""

_PULL_RETRY = Retry(
    # Not when the deadline is exceeded: that is how an idle queue answers.
    if_exception_type(exceptions.ServiceUnavailable, exceptions.InternalServerError),
    initial=0.1,
    maximum=1.0,
    multiplier=2.0,
    timeout=TOTAL_SECONDS,
)


@dataclass(frozen=True, slots=True)
class QueueNames:
    """What the queue is called in Pub/Sub. The dead letters' topic and subscription end in `-dead`."""

    project: str
    topic: str
    subscription: str

    @property
    def topic_path(self) -> str:
        """The full name of the topic, and so on."""
        return f"projects/{self.project}/topics/{self.topic}"

    @property
    def subscription_path(self) -> str:
        """What the workers pull from."""
        return f"projects/{self.project}/subscriptions/{self.subscription}"

    @property
    def dead_topic_path(self) -> str:
        """Where Pub/Sub, or `reject`, moves a message that is given up."""
        return f"{self.topic_path}-dead"

    @property
    def dead_subscription_path(self) -> str:
        """What keeps the dead letters until they are read: without it they would vanish."""
        return f"{self.subscription_path}-dead"


def publisher(credentials: Credentials) -> PublisherClient:
    """A client that sends at once, without a thread of its own; heeds PUBSUB_EMULATOR_HOST."""
    return PublisherClient(credentials=credentials)


def subscriber(credentials: Credentials) -> SubscriberClient:
    """A client for single pulls and for subscriptions; heeds PUBSUB_EMULATOR_HOST."""
    return SubscriberClient(credentials=credentials)


class PubSubTrainingQueue(TrainingQueue):
    """Publishes and pulls one message at a time, each by one request.

    Trainings are rare: there is no stream to keep open and nothing is fetched ahead. And a delivery lasts for
    as long as it is extended: the streaming client would give it up after an hour.

    A delivery belongs to its consumer for `ack_deadline` seconds without an `extend`. The subscription, made
    by `logleap gcp setup`, sets after how many deliveries a message is dead-lettered. Pub/Sub counts whole
    seconds, to 600: fractions are rounded up, and a longer deadline, `extend` or delay of a `nack` is cut.
    The subscription's retry policy comes on top of a delay.

    The clients are made at the first call, so that a server may fork before. Safe for many threads.
    """

    def __init__(self, names: QueueNames, credentials: Credentials, *, ack_deadline: float = 60.0) -> None:
        self._names = names
        self._credentials = credentials
        self._ack_deadline = max(1, _whole_seconds(ack_deadline))
        self._lock = Lock()
        self._publisher: PublisherClient | None = None
        self._subscriber: SubscriberClient | None = None

    def publish(self, body: bytes, owner: str = "") -> None:
        self._publish(self._names.topic_path, body, _SENDER)

    def receive(self, wait: float) -> Delivery | None:
        return self._receive(self._names.subscription_path, wait)

    def receive_dead(self, wait: float) -> Delivery | None:
        return self._receive(self._names.dead_subscription_path, wait)

    def close(self) -> None:
        """Close the connections. A later call opens them again."""
        with self._lock:
            publisher, self._publisher = self._publisher, None
            subscriber, self._subscriber = self._subscriber, None
        if publisher is not None:
            publisher.transport.close()  # type: ignore[no-untyped-call]
        if subscriber is not None:
            subscriber.transport.close()  # type: ignore[no-untyped-call]

    def acknowledge(self, subscription: str, ack_id: str) -> None:
        """End a delivery for good."""
        with _calling(subscription), _ignoring_late(subscription):
            self._pulling().acknowledge(
                subscription=subscription, ack_ids=[ack_id], retry=RETRY, timeout=ATTEMPT_SECONDS
            )

    def set_ack_deadline(self, subscription: str, ack_id: str, seconds: int) -> None:
        """End a delivery in `seconds`: the message is delivered again from then on."""
        with _calling(subscription), _ignoring_late(subscription):
            self._pulling().modify_ack_deadline(
                subscription=subscription,
                ack_ids=[ack_id],
                ack_deadline_seconds=seconds,
                retry=RETRY,
                timeout=ATTEMPT_SECONDS,
            )

    def dead_letter(self, body: bytes, reason: str) -> None:
        """Publish a dead letter with the attribute `reason`."""
        # Pub/Sub takes UTF-8 alone, and counts it in bytes.
        text = reason.encode(errors="replace")[:MAX_REASON_BYTES].decode(errors="ignore")
        self._publish(self._names.dead_topic_path, body, {**_SENDER, "reason": text})

    def is_dead_letters(self, subscription: str) -> bool:
        """Whether what is pulled from `subscription` is dead already."""
        return subscription == self._names.dead_subscription_path

    def _publish(self, topic: str, body: bytes, attributes: dict[str, str]) -> None:
        message = PubsubMessage(data=body, attributes=attributes)
        with _calling(topic):
            self._publishing().publish(topic=topic, messages=[message], retry=RETRY, timeout=ATTEMPT_SECONDS)

    def _receive(self, subscription: str, wait: float) -> Delivery | None:
        end = time.monotonic() + wait
        with _calling(subscription):
            while True:
                message = self._pull(subscription, max(0.0, end - time.monotonic()))
                if message is not None:
                    return self._delivery(subscription, message)
                left = end - time.monotonic()
                if left <= 0:
                    return None
                time.sleep(min(PULL_PAUSE_SECONDS, left))

    def _pull(self, subscription: str, wait: float) -> ReceivedMessage | None:
        client = self._pulling()
        try:
            # The service sees the deadline and answers before it: an answer that nobody waits for any more
            # would take its message along until the delivery's time has run out.
            answer = client.pull(
                subscription=subscription, max_messages=1, retry=_PULL_RETRY, timeout=wait + 1.0
            )
        except exceptions.DeadlineExceeded:
            # Nothing to deliver, or nobody there? Needs no permission, and any answer will do.
            request = {"resource": subscription, "permissions": ["pubsub.subscriptions.consume"]}
            with suppress(exceptions.MethodNotImplemented):  # the emulator
                client.test_iam_permissions(request=request, retry=None, timeout=ATTEMPT_SECONDS)
            return None
        return next(iter(answer.received_messages), None)

    def _delivery(self, subscription: str, message: ReceivedMessage) -> Delivery:
        # The subscription's own deadline may be any: from here on it is ours.
        until = time.monotonic() + self._ack_deadline
        self.set_ack_deadline(subscription, message.ack_id, self._ack_deadline)
        return _PubSubDelivery(self, subscription, message, until)

    def _publishing(self) -> PublisherClient:
        with self._lock:
            if self._publisher is None:
                self._publisher = publisher(self._credentials)
            return self._publisher

    def _pulling(self) -> SubscriberClient:
        with self._lock:
            if self._subscriber is None:
                self._subscriber = subscriber(self._credentials)
            return self._subscriber


class _PubSubDelivery(Delivery):
    """Keeps the deadline itself: Pub/Sub might still accept what comes too late."""

    def __init__(
        self, queue: PubSubTrainingQueue, subscription: str, message: ReceivedMessage, until: float
    ) -> None:
        self._queue = queue
        self._subscription = subscription
        self._ack_id = message.ack_id
        self._body = message.message.data
        self._until = until

    @property
    def body(self) -> bytes:
        return self._body

    def ack(self) -> None:
        if self._valid():
            self._queue.acknowledge(self._subscription, self._ack_id)
            self._until = 0.0

    def nack(self, delay: float = 0.0) -> None:
        if self._valid():
            self._queue.set_ack_deadline(self._subscription, self._ack_id, _whole_seconds(delay))
            self._until = 0.0

    def reject(self, reason: str) -> None:
        if self._valid() and not self._queue.is_dead_letters(self._subscription):
            self._queue.dead_letter(self._body, reason)
            self.ack()

    def extend(self, seconds: float) -> None:
        if self._valid():
            until = time.monotonic() + _whole_seconds(seconds)
            self._queue.set_ack_deadline(self._subscription, self._ack_id, _whole_seconds(seconds))
            self._until = until

    def _valid(self) -> bool:
        return time.monotonic() < self._until


def _whole_seconds(seconds: float) -> int:
    return math.ceil(min(max(seconds, 0.0), MAX_ACK_DEADLINE))


@contextmanager
def _calling(resource: str) -> Iterator[None]:
    """Errors of a call about a topic or a subscription, in the port's words."""
    try:
        with translated("Pub/Sub"):
            yield
    except exceptions.NotFound as error:
        raise Unavailable(
            f"Pub/Sub has no {resource}: create it with `logleap gcp setup`, "
            "or correct LOGLEAP_PUBSUB_TOPIC or LOGLEAP_PUBSUB_SUBSCRIPTION"
        ) from error
    except exceptions.FailedPrecondition as error:
        raise Unavailable(
            f"Pub/Sub refuses to serve {resource} as it is set up: run `logleap gcp check` for details"
        ) from error


@contextmanager
def _ignoring_late(subscription: str) -> Iterator[None]:
    """With exactly-once delivery Pub/Sub refuses an ack id past its deadline; without, it is silent."""
    try:
        yield
    except (exceptions.InvalidArgument, exceptions.FailedPrecondition):
        log.info("%s: the ack deadline of a message had passed already", subscription)
