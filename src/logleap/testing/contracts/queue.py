"""What every TrainingQueue promises. Each test has a queue of its own."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from logleap.ports.queue import Delivery, TrainingQueue

Race = Callable[..., list[Any]]


@pytest.fixture
def take(queue: TrainingQueue, arrival: float) -> Callable[[], Delivery]:
    """The next message, which must come."""

    def call() -> Delivery:
        delivery = queue.receive(arrival)
        assert delivery is not None, f"no message came in {arrival} seconds"
        return delivery

    return call


@pytest.fixture
def take_dead(queue: TrainingQueue, arrival: float) -> Callable[[], Delivery]:
    """The next dead letter, which must come."""

    def call() -> Delivery:
        delivery = queue.receive_dead(arrival)
        assert delivery is not None, f"no dead letter came in {arrival} seconds"
        return delivery

    return call


@pytest.fixture
def short(moment: float) -> float:
    """Seconds that a test can act within, and wait for."""
    return max(1.0, moment)


@pytest.fixture
def lapse(moment: float) -> Callable[[Delivery], None]:
    """Lets the time of a delivery run out."""

    def call(delivery: Delivery) -> None:
        delivery.extend(moment)

    return call


Take = Callable[[], Delivery]
Lapse = Callable[[Delivery], None]


# ---- publish and receive -----------------------------------------------------------------------------------


def test_an_empty_queue_gives_nothing(queue: TrainingQueue, silence: float) -> None:
    assert queue.receive(silence) is None
    assert queue.receive_dead(silence) is None


def test_a_receiver_need_not_wait(queue: TrainingQueue, take: Take) -> None:
    assert queue.receive(0) is None
    queue.publish(b"one")
    assert take().body == b"one"


@pytest.mark.parametrize(
    "body", [b"{}", b"\x00\xff\xfe not UTF-8", b"x" * 100_000], ids=["JSON", "bytes", "long"]
)
def test_a_message_comes_as_it_was_published(queue: TrainingQueue, take: Take, body: bytes) -> None:
    queue.publish(body)
    assert take().body == body


def test_every_message_comes(queue: TrainingQueue, take: Take) -> None:
    bodies = {str(number).encode() for number in range(10)}
    for body in bodies:
        queue.publish(body)
    assert {take().body for _ in bodies} == bodies


def test_equal_messages_are_two_messages(queue: TrainingQueue, take: Take) -> None:
    for _ in range(2):
        queue.publish(b"same")
    first, second = take(), take()
    assert first.body == second.body == b"same"
    first.ack()
    second.nack()
    assert take().body == b"same"


def test_a_waiting_receiver_is_given_the_message_that_comes(
    queue: TrainingQueue, race: Race, arrival: float, moment: float
) -> None:
    def publish_later() -> None:
        time.sleep(moment)
        queue.publish(b"late")

    delivery, _ = race(lambda: queue.receive(arrival), publish_later)
    assert delivery.body == b"late"


def test_a_waiting_receiver_of_dead_letters_does_not_hold_up_a_message(
    queue: TrainingQueue, race: Race, arrival: float, moment: float
) -> None:
    def receive_dead() -> bytes | None:
        delivery = queue.receive_dead(2 * arrival)
        return None if delivery is None else delivery.body

    def receive() -> float:
        time.sleep(moment)
        delivery = queue.receive(2 * arrival)
        came = time.monotonic()
        assert delivery is not None
        delivery.reject("so that the other one has something to receive")
        return came

    def publish() -> float:
        time.sleep(2 * moment)
        queue.publish(b"one")
        return time.monotonic()

    dead, came, published = race(receive_dead, receive, publish)
    assert dead == b"one"
    assert came - published < arrival


def test_concurrent_receivers_are_given_different_messages(
    queue: TrainingQueue, race: Race, arrival: float, silence: float
) -> None:
    bodies = [str(number).encode() for number in range(12)]
    for body in bodies:
        queue.publish(body)

    def receive_three() -> list[bytes]:
        return [delivery.body for _ in range(3) if (delivery := queue.receive(arrival))]

    received = race(*[receive_three] * 4)
    assert sorted(body for bodies_of_one in received for body in bodies_of_one) == sorted(bodies)
    assert queue.receive(silence) is None


# ---- ack, nack, extend -------------------------------------------------------------------------------------


def test_a_taken_message_is_not_given_to_another(queue: TrainingQueue, take: Take, silence: float) -> None:
    queue.publish(b"one")
    take()
    assert queue.receive(silence) is None


def test_an_acked_message_does_not_come_again(
    queue: TrainingQueue, take: Take, short: float, silence: float
) -> None:
    queue.publish(b"one")
    delivery = take()
    delivery.extend(short)
    delivery.ack()
    assert queue.receive(short + silence) is None
    assert queue.receive_dead(silence) is None


def test_a_nacked_message_comes_again(queue: TrainingQueue, take: Take) -> None:
    queue.publish(b"one")
    take().nack()
    assert take().body == b"one"


def test_a_nacked_message_comes_to_a_receiver_that_waits_already(
    queue: TrainingQueue, take: Take, race: Race, arrival: float, moment: float
) -> None:
    def receive() -> float:
        assert queue.receive(2 * arrival) is not None
        return time.monotonic()

    def nack_later() -> float:
        time.sleep(2 * moment)
        delivery.nack()
        return time.monotonic()

    queue.publish(b"one")
    delivery = take()
    came, nacked = race(receive, nack_later)
    assert came - nacked < arrival


def test_a_message_whose_time_ran_out_comes_again(queue: TrainingQueue, take: Take, lapse: Lapse) -> None:
    queue.publish(b"one")
    lapse(take())
    assert take().body == b"one"


def test_an_extended_message_stays_where_it_is(
    queue: TrainingQueue, take: Take, short: float, silence: float
) -> None:
    queue.publish(b"one")
    delivery = take()
    delivery.extend(short)
    delivery.extend(600)
    assert queue.receive(short + silence) is None
    delivery.nack()
    assert take().body == b"one"


def test_a_message_nacked_with_a_delay_comes_after_it(
    queue: TrainingQueue, take: Take, moment: float
) -> None:
    queue.publish(b"one")
    delivery = take()
    delay = 5 * moment
    nacked = time.monotonic()
    delivery.nack(delay)
    assert take().body == b"one"
    assert time.monotonic() - nacked >= 0.95 * delay


def test_a_delayed_message_does_not_hold_up_the_others(queue: TrainingQueue, take: Take) -> None:
    queue.publish(b"delayed")
    take().nack(600)
    queue.publish(b"next")
    assert take().body == b"next"


@pytest.mark.parametrize("end", ["ack", "nack", "extend", "reject"])
def test_a_delivery_whose_time_ran_out_does_nothing_any_more(
    queue: TrainingQueue, take: Take, lapse: Lapse, silence: float, end: str
) -> None:
    queue.publish(b"one")
    late = take()
    lapse(late)
    current = take()
    calls: dict[str, Callable[[], None]] = {
        "ack": late.ack,
        "nack": late.nack,
        "extend": lambda: lapse(late),
        "reject": lambda: late.reject("late"),
    }
    calls[end]()
    assert queue.receive(silence) is None
    assert queue.receive_dead(silence) is None
    current.nack()
    assert take().body == b"one"


@pytest.mark.parametrize("end", ["ack", "nack", "extend", "reject"])
def test_a_delivery_that_was_acked_does_nothing_any_more(
    queue: TrainingQueue, take: Take, lapse: Lapse, silence: float, end: str
) -> None:
    queue.publish(b"one")
    done = take()
    done.ack()
    calls: dict[str, Callable[[], None]] = {
        "ack": done.ack,
        "nack": done.nack,
        "extend": lambda: lapse(done),
        "reject": lambda: done.reject("late"),
    }
    calls[end]()
    assert queue.receive(silence) is None
    assert queue.receive_dead(silence) is None


# ---- dead letters ------------------------------------------------------------------------------------------


def test_a_message_that_is_never_acked_becomes_a_dead_letter(
    queue: TrainingQueue, take: Take, take_dead: Take, max_deliveries: int, silence: float
) -> None:
    queue.publish(b"poison")
    for _ in range(max_deliveries):
        take().nack()
    assert queue.receive(silence) is None
    assert take_dead().body == b"poison"


def test_a_message_whose_time_runs_out_again_and_again_becomes_a_dead_letter(
    *, queue: TrainingQueue, take: Take, take_dead: Take, lapse: Lapse, max_deliveries: int, silence: float
) -> None:
    queue.publish(b"poison")
    for _ in range(max_deliveries):
        lapse(take())
    # Pub/Sub's emulator moves it only when somebody pulls.
    assert queue.receive(silence) is None
    assert take_dead().body == b"poison"


def test_the_last_delivery_can_still_be_acked(
    queue: TrainingQueue, take: Take, max_deliveries: int, silence: float
) -> None:
    queue.publish(b"one")
    for _ in range(max_deliveries - 1):
        take().nack()
    take().ack()
    assert queue.receive(silence) is None
    assert queue.receive_dead(silence) is None


def test_the_last_delivery_is_no_dead_letter_while_it_is_in_somebodys_hands(
    queue: TrainingQueue, take: Take, max_deliveries: int, silence: float
) -> None:
    queue.publish(b"one")
    for _ in range(max_deliveries - 1):
        take().nack()
    take().extend(600)
    assert queue.receive_dead(silence) is None


def test_a_rejected_message_is_a_dead_letter_at_once(
    queue: TrainingQueue, take: Take, take_dead: Take, silence: float
) -> None:
    queue.publish(b"unreadable")
    take().reject("not JSON")
    assert take_dead().body == b"unreadable"
    assert queue.receive(silence) is None


def test_an_acked_dead_letter_is_gone(
    queue: TrainingQueue, take: Take, take_dead: Take, silence: float
) -> None:
    queue.publish(b"unreadable")
    take().reject("not JSON")
    take_dead().ack()
    assert queue.receive_dead(silence) is None


def test_a_nacked_dead_letter_comes_again_without_a_limit(
    queue: TrainingQueue, take: Take, take_dead: Take, max_deliveries: int, silence: float
) -> None:
    queue.publish(b"unreadable")
    take().reject("not JSON")
    for _ in range(max_deliveries + 1):
        take_dead().nack()
    assert queue.receive(silence) is None
    assert take_dead().body == b"unreadable"


def test_a_dead_letter_is_given_to_one_at_a_time(
    queue: TrainingQueue, take: Take, take_dead: Take, lapse: Lapse, silence: float
) -> None:
    queue.publish(b"unreadable")
    take().reject("not JSON")
    delivery = take_dead()
    assert queue.receive_dead(silence) is None
    lapse(delivery)
    assert take_dead().body == b"unreadable"
