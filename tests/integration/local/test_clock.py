"""The queue under a clock that is set."""

import time
from collections.abc import Callable
from typing import Any

import pytest

HOUR = 3600


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the machine's clock so many seconds ahead of the true time."""
    true_time = time.time_ns

    def call(seconds: int) -> None:
        monkeypatch.setattr(time, "time_ns", lambda: true_time() + seconds * 10**9)

    return call


def test_a_clock_set_back_holds_no_message_for_long(local: Any, set_clock: Callable[[int], None]) -> None:
    set_clock(HOUR)
    local.queue.publish(b"waiting")
    local.queue.publish(b"held")
    assert local.queue.receive(0).body == b"waiting"
    set_clock(0)
    assert {local.queue.receive(0).body, local.queue.receive(0).body} == {b"waiting", b"held"}
    assert local.queue.receive(0) is None


def test_a_clock_set_forward_makes_a_held_message_come_again(
    local: Any, set_clock: Callable[[int], None]
) -> None:
    local.queue.publish(b"one")
    late = local.queue.receive(0)
    set_clock(HOUR)
    again = local.queue.receive(0)
    assert again.body == b"one"
    late.ack()
    again.nack()
    assert local.queue.receive(0).body == b"one"


def test_a_slightly_uneven_clock_gives_no_message_twice(
    local: Any, set_clock: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    local.queue.publish(b"one")
    assert local.queue.receive(0) is not None
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now - 500_000_000)
    assert local.queue.receive(0) is None


def test_the_reason_of_a_dead_letter_is_kept_for_the_operator(local: Any) -> None:
    local.queue.publish(b"bad")
    local.queue.receive(0).reject("not JSON")
    with local.database.reading() as connection:
        assert connection.execute("SELECT body, reason FROM messages").fetchall() == [(b"bad", "not JSON")]
