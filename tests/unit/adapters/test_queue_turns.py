"""Queues of LogLeap's own deliver one owner's messages after another's."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from logleap.backends import open_backend
from logleap.ports.queue import TrainingQueue
from logleap.settings import Settings


@pytest.fixture(params=["memory", "local"])
def queue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TrainingQueue]:
    backend = open_backend(Settings(backend=request.param, data_dir=tmp_path))
    yield backend.queue
    backend.close()


@pytest.fixture
def next_body(queue: TrainingQueue) -> Callable[[], bytes | None]:
    def call() -> bytes | None:
        delivery = queue.receive(0)
        if delivery is None:
            return None
        delivery.ack()
        return delivery.body

    return call


def test_an_owner_with_one_message_does_not_wait_for_all_of_anothers(
    queue: TrainingQueue, next_body: Callable[[], bytes | None]
) -> None:
    for number in range(4):
        queue.publish(b"anna-%d" % number, "anna")
    queue.publish(b"bert-0", "bert")
    queue.publish(b"cleo-0", "cleo")
    queue.publish(b"bert-1", "bert")
    order = [next_body() for _ in range(8)]
    assert order == [b"anna-0", b"bert-0", b"cleo-0", b"anna-1", b"bert-1", b"anna-2", b"anna-3", None]


def test_an_owner_that_always_has_just_one_message_does_not_come_before_all_others(
    queue: TrainingQueue, next_body: Callable[[], bytes | None]
) -> None:
    for number in range(3):
        queue.publish(b"anna-%d" % number, "anna")
    order = []
    for number in range(3):
        queue.publish(b"bert-%d" % number, "bert")
        order += [next_body(), next_body()]
    assert order == [b"anna-0", b"bert-0", b"anna-1", b"bert-1", b"anna-2", b"bert-2"]


def test_a_message_that_failed_takes_its_turn_again(queue: TrainingQueue) -> None:
    queue.publish(b"anna", "anna")
    queue.publish(b"bert", "bert")
    bodies = []
    for _ in range(4):
        delivery = queue.receive(1)
        assert delivery is not None
        bodies.append(delivery.body)
        delivery.nack()
    assert bodies == [b"anna", b"bert", b"anna", b"bert"]


def test_a_dead_letter_takes_no_turn(queue: TrainingQueue, next_body: Callable[[], bytes | None]) -> None:
    queue.publish(b"rubbish", "anna")
    first = queue.receive(0)
    assert first is not None
    first.reject("not a training message")
    queue.publish(b"bert-0", "bert")
    assert next_body() == b"bert-0"
    for owner in ("bert", "anna"):
        queue.publish(owner.encode(), owner)
    letter = queue.receive_dead(1)
    assert letter is not None
    assert next_body() == b"anna"
