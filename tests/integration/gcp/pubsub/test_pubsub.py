"""What the contract suite does not show of the queue on Pub/Sub: its policies, failures, other processes."""

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import grpc
import pytest
from google.auth.credentials import Credentials
from google.pubsub_v1 import PubsubMessage, SubscriberClient

from logleap.adapters.gcp.queue import PubSubTrainingQueue, QueueNames
from logleap.ports.errors import Unavailable
from logleap.ports.queue import Delivery
from tools.emulators import Emulators

ARRIVAL = 10.0  # seconds within which a message must come
SILENCE = 0.5  # seconds after which a test believes that none comes
SOON = 10.0  # seconds within which a dead service must be told

MakeQueue = Callable[..., PubSubTrainingQueue]
Answer = Callable[[bytes, grpc.ServicerContext], bytes]


@pytest.fixture
def take(queue: PubSubTrainingQueue) -> Callable[[], Delivery]:
    def call() -> Delivery:
        delivery = queue.receive(ARRIVAL)
        assert delivery is not None
        return delivery

    return call


@pytest.fixture
def dead_message(subscribing: SubscriberClient, names: QueueNames) -> Callable[[], PubsubMessage]:
    """The dead letter as Pub/Sub has it."""

    def call() -> PubsubMessage:
        answer = subscribing.pull(subscription=names.dead_subscription_path, max_messages=1, timeout=ARRIVAL)
        (received,) = answer.received_messages
        return received.message

    return call


Take = Callable[[], Delivery]


# ---- what goes over the wire -------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"{}", b""])
def test_every_message_has_an_attribute(
    body: bytes, queue: PubSubTrainingQueue, subscribing: SubscriberClient, names: QueueNames
) -> None:
    queue.publish(body)
    answer = subscribing.pull(subscription=names.subscription_path, max_messages=1, timeout=ARRIVAL)
    (received,) = answer.received_messages
    assert (received.message.data, dict(received.message.attributes)) == (body, {"sender": "logleap"})


def test_pubsub_moves_a_message_to_the_dead_letters_after_the_subscriptions_number_of_deliveries(
    make_queue: MakeQueue, names: QueueNames, dead_message: Callable[[], PubsubMessage]
) -> None:
    policy = {"dead_letter_topic": names.dead_topic_path, "max_delivery_attempts": 7}
    queue = make_queue(dead_letter_policy=policy)
    queue.publish(b"poison")
    deliveries = 0
    while (delivery := queue.receive(SILENCE)) is not None:
        deliveries += 1
        delivery.nack()
    assert deliveries == 7
    dead = dead_message()
    assert dead.data == b"poison"
    assert dead.attributes["sender"] == "logleap"
    assert dead.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "7"


def test_a_rejected_message_carries_the_reason(
    queue: PubSubTrainingQueue, take: Take, dead_message: Callable[[], PubsubMessage]
) -> None:
    queue.publish(b"unreadable")
    take().reject("not JSON: line 1")
    dead = dead_message()
    assert dead.data == b"unreadable"
    assert dict(dead.attributes) == {"sender": "logleap", "reason": "not JSON: line 1"}


@pytest.mark.parametrize("reason", ["é" * 2000, "x" + "🪵" * 2000, "\udcff" * 2000], ids=["2", "4", "half"])
def test_a_long_reason_is_cut_to_what_an_attribute_holds(
    reason: str, queue: PubSubTrainingQueue, take: Take, dead_message: Callable[[], PubsubMessage]
) -> None:
    queue.publish(b"unreadable")
    take().reject(reason)
    text = dead_message().attributes["reason"]
    assert 1000 < len(text.encode()) <= 1024
    assert reason.encode(errors="replace").decode().startswith(text)


# ---- time --------------------------------------------------------------------------------------------------


def test_the_retry_policy_comes_on_top_of_a_nack(make_queue: MakeQueue) -> None:
    queue = make_queue(retry_policy={"minimum_backoff": {"seconds": 2}, "maximum_backoff": {"seconds": 600}})
    queue.publish(b"one")
    for _ in range(2):  # the emulator delivers again at once after the first nack
        delivery = queue.receive(ARRIVAL)
        assert delivery is not None
        nacked = time.monotonic()
        delivery.nack()
    assert queue.receive(ARRIVAL) is not None
    assert time.monotonic() - nacked >= 2


def test_a_delivery_is_held_as_long_as_the_queue_says_not_the_subscription(make_queue: MakeQueue) -> None:
    queue = make_queue(hold=1.0, ack_deadline_seconds=600)
    queue.publish(b"one")
    assert queue.receive(ARRIVAL) is not None
    assert queue.receive(SILENCE) is None
    assert queue.receive(ARRIVAL) is not None


@pytest.mark.parametrize("hold", [0.0, 0.2, 10_000.0])
def test_a_hold_that_pubsub_does_not_know_is_the_nearest_one(hold: float, make_queue: MakeQueue) -> None:
    queue = make_queue(hold=hold)
    queue.publish(b"one")
    delivery = queue.receive(ARRIVAL)
    assert delivery is not None
    delivery.ack()
    assert queue.receive(1 + SILENCE) is None


def test_ten_hours_count_as_ten_minutes(queue: PubSubTrainingQueue, take: Take) -> None:
    queue.publish(b"one")
    delivery = take()
    delivery.extend(36_000)
    delivery.nack(36_000)
    assert queue.receive(SILENCE) is None


def test_with_exactly_once_delivery_a_late_ack_does_nothing(
    make_queue: MakeQueue, names: QueueNames, subscribing: SubscriberClient
) -> None:
    queue = make_queue(enable_exactly_once_delivery=True)
    queue.publish(b"one")
    pulled = subscribing.pull(subscription=names.subscription_path, max_messages=1, timeout=ARRIVAL)
    (stale,) = pulled.received_messages
    subscribing.modify_ack_deadline(
        subscription=names.subscription_path, ack_ids=[stale.ack_id], ack_deadline_seconds=0
    )
    current = queue.receive(ARRIVAL)
    assert current is not None
    queue.acknowledge(names.subscription_path, stale.ack_id)
    queue.set_ack_deadline(names.subscription_path, stale.ack_id, 0)
    assert queue.receive(SILENCE) is None
    current.nack()
    assert queue.receive(ARRIVAL) is not None


# ---- what is missing, what is down -------------------------------------------------------------------------


def test_a_missing_topic_is_named_together_with_the_remedy(
    queue: PubSubTrainingQueue, names: QueueNames, anonymous: Credentials
) -> None:
    with pytest.raises(Unavailable, match=f"{names.topic}-x: create it with `logleap gcp setup`"):
        PubSubTrainingQueue(replace(names, topic=f"{names.topic}-x"), anonymous).publish(b"x")


def test_a_missing_subscription_is_named_together_with_the_remedy(
    queue: PubSubTrainingQueue, names: QueueNames, anonymous: Credentials
) -> None:
    missing = replace(names, subscription=f"{names.subscription}-x")
    queue = PubSubTrainingQueue(missing, anonymous)
    with pytest.raises(Unavailable, match=r"-x: create it with `logleap gcp setup`"):
        queue.receive(SILENCE)
    with pytest.raises(Unavailable, match=r"-x-dead: create it with `logleap gcp setup`"):
        queue.receive_dead(SILENCE)


def refuse_with(status: grpc.StatusCode) -> Answer:
    def refuse(request: bytes, context: grpc.ServicerContext) -> bytes:
        context.abort(status, "made up by a test")

    return refuse


def test_a_subscription_that_cannot_be_pulled_from_is_sent_to_the_check(
    front: Any, queue: PubSubTrainingQueue
) -> None:
    front.answers["Pull"] = refuse_with(grpc.StatusCode.FAILED_PRECONDITION)
    with pytest.raises(Unavailable, match="`logleap gcp check`"):
        queue.receive(SILENCE)


def test_a_refused_identity_is_told_at_once(front: Any, queue: PubSubTrainingQueue) -> None:
    front.answers["Publish"] = refuse_with(grpc.StatusCode.PERMISSION_DENIED)
    with pytest.raises(Unavailable, match="check the credentials"):
        queue.publish(b"x")


CALLS: dict[str, Callable[[PubSubTrainingQueue, Delivery], object]] = {
    "publish": lambda queue, delivery: queue.publish(b"x"),
    "receive": lambda queue, delivery: queue.receive(1.0),
    "receive_dead": lambda queue, delivery: queue.receive_dead(0.0),
    "ack": lambda queue, delivery: delivery.ack(),
    "nack": lambda queue, delivery: delivery.nack(),
    "extend": lambda queue, delivery: delivery.extend(60),
    "reject": lambda queue, delivery: delivery.reject("x"),
}


def until_unavailable(call: Callable[[], object]) -> float:
    """Seconds until `call` raised Unavailable; infinity if it did not."""
    start = time.monotonic()
    try:
        call()
    except Unavailable:
        return time.monotonic() - start
    return math.inf


@pytest.mark.parametrize("where", ["closed_port", "silent_port"])
def test_a_service_that_is_down_from_the_start_is_unavailable_within_ten_seconds(
    where: str,
    names: QueueNames,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    anonymous: Credentials,
) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", request.getfixturevalue(where))
    queue = PubSubTrainingQueue(names, anonymous)
    calls = [lambda: queue.publish(b"x"), lambda: queue.receive(1.0), lambda: queue.receive_dead(0.0)]
    with ThreadPoolExecutor(len(calls)) as threads:
        seconds = list(threads.map(until_unavailable, calls))
    assert max(seconds) < SOON


@pytest.fixture
def paused(emulators: Emulators) -> Iterator[Callable[[], None]]:
    """Lets the emulator stop answering, its connections open, until the test ends."""
    process = emulators.pid("pubsub")
    yield lambda: os.kill(process, signal.SIGSTOP)
    os.kill(process, signal.SIGCONT)


def test_a_service_that_falls_silent_is_unavailable_within_ten_seconds_whatever_is_asked(
    queue: PubSubTrainingQueue, take: Take, paused: Callable[[], None]
) -> None:
    deliveries = []
    for _ in CALLS:
        queue.publish(b"x")
        deliveries.append(take())
    paused()
    calls = [partial(call, queue, each) for call, each in zip(CALLS.values(), deliveries, strict=True)]
    with ThreadPoolExecutor(len(calls)) as threads:
        seconds = dict(zip(CALLS, threads.map(until_unavailable, calls), strict=True))
    assert max(seconds.values()) < SOON, seconds


def test_an_ack_that_did_not_get_through_can_be_repeated(
    front: Any, queue: PubSubTrainingQueue, take: Take
) -> None:
    queue.publish(b"one")
    delivery = take()
    front.answers["Acknowledge"] = refuse_with(grpc.StatusCode.ABORTED)
    with pytest.raises(Unavailable):
        delivery.ack()
    del front.answers["Acknowledge"]
    delivery.extend(1)
    delivery.ack()
    assert queue.receive(1 + SILENCE) is None


def test_a_rejection_that_did_not_get_through_leaves_the_message_in_the_queue(
    front: Any, queue: PubSubTrainingQueue, take: Take
) -> None:
    queue.publish(b"one")
    delivery = take()
    front.answers["Publish"] = refuse_with(grpc.StatusCode.ABORTED)
    with pytest.raises(Unavailable):
        delivery.reject("x")
    delivery.nack()
    assert take().body == b"one"


def test_a_passing_fault_is_not_seen(front: Any, queue: PubSubTrainingQueue, take: Take) -> None:
    def fail_once(method: str) -> Answer:
        def fail(request: bytes, context: grpc.ServicerContext) -> bytes:
            del front.answers[method]
            return refuse_with(grpc.StatusCode.UNAVAILABLE)(request, context)

        return fail

    for method in ("Publish", "Pull", "ModifyAckDeadline", "Acknowledge"):
        front.answers[method] = fail_once(method)
    queue.publish(b"one")
    take().ack()
    assert front.answers == {}


# ---- other processes ---------------------------------------------------------------------------------------

_RECEIVE_AND_HANG = """
import sys, time
from google.auth.credentials import AnonymousCredentials
from logleap.adapters.gcp.queue import PubSubTrainingQueue, QueueNames

queue = PubSubTrainingQueue(QueueNames(*sys.argv[1:4]), AnonymousCredentials(), ack_deadline=2)
print(queue.receive(10).body.decode(), flush=True)
time.sleep(60)
"""


def test_a_message_of_a_killed_worker_comes_again(queue: PubSubTrainingQueue, names: QueueNames) -> None:
    queue.publish(b"one")
    arguments = [names.project, names.topic, names.subscription]
    with subprocess.Popen(
        [sys.executable, "-c", _RECEIVE_AND_HANG, *arguments], stdout=subprocess.PIPE, text=True
    ) as worker:
        try:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "one\n"
            assert queue.receive(SILENCE) is None
        finally:
            worker.kill()
    again = queue.receive(ARRIVAL)
    assert again is not None
    assert again.body == b"one"


_FORK_BETWEEN = """
import os, sys
from google.auth.credentials import AnonymousCredentials
from logleap.adapters.gcp.queue import PubSubTrainingQueue, QueueNames

queue = PubSubTrainingQueue(QueueNames(*sys.argv[1:4]), AnonymousCredentials())
child = os.fork()
if child == 0:
    queue.publish(b"from the child")
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(queue.receive(10).body.decode())
"""


def test_a_server_may_fork_after_the_queue_was_made(queue: PubSubTrainingQueue, names: QueueNames) -> None:
    arguments = [names.project, names.topic, names.subscription]
    forked = subprocess.run(
        [sys.executable, "-c", _FORK_BETWEEN, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert forked.stdout == "from the child\n", forked.stderr


def test_a_closed_queue_opens_again(queue: PubSubTrainingQueue, take: Take) -> None:
    queue.publish(b"one")
    queue.close()
    queue.close()
    take().ack()
    queue.publish(b"two")
    assert take().body == b"two"


def test_an_unused_queue_can_be_closed(names: QueueNames, anonymous: Credentials) -> None:
    PubSubTrainingQueue(names, anonymous).close()
