"""Events on their way, over the memory adapters."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from logleap.adapters.memory.database import MemoryDatabase
from logleap.adapters.memory.datasets import MemoryDatasetRepository
from logleap.adapters.memory.events import MemoryEventOutbox
from logleap.domain.datasets import Action, Dataset, Event, EventKind
from logleap.domain.events import LONGEST_PAUSE, Backlog, EventClaim, OutgoingEvent, WaitingEvent
from logleap.ports.errors import Conflict
from logleap.ports.events import EventDeliverer, NotDelivered
from logleap.usecases.deliver_events import DeliverEvents, Deliveries

DAY = timedelta(days=1)
Clock = Callable[[], datetime]


@dataclass
class Receiver(EventDeliverer):
    """Takes events, except while it `fails`; `before` is called ahead of each."""

    got: list[tuple[str, str]] = field(default_factory=list)
    fails: dict[str, NotDelivered] = field(default_factory=dict)
    before: Callable[[], None] = lambda: None

    longest = 1.0

    def deliver(self, event: OutgoingEvent) -> None:
        self.before()
        error = self.fails.get(event.dataset_id) or self.fails.get(event.kind)
        if error is not None:
            raise error
        self.got.append((event.dataset_id, event.kind))

    def close(self) -> None:
        pass


@pytest.fixture
def database() -> MemoryDatabase:
    return MemoryDatabase(announces=True)


@pytest.fixture
def outbox(database: MemoryDatabase) -> MemoryEventOutbox:
    return MemoryEventOutbox(database)


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def deliver(outbox: MemoryEventOutbox, receiver: Receiver, clock: Clock) -> DeliverEvents:
    return DeliverEvents(
        outbox=outbox,
        deliverer=receiver,
        now=clock,
        jitter=lambda: 0.0,
        lease=timedelta(seconds=30),
        first_pause=timedelta(seconds=5),
        give_up_after=DAY,
    )


@pytest.fixture
def filled(database: MemoryDatabase, clock: Clock) -> Callable[[str], str]:
    """A data set that has got its first entries, and so two events."""
    datasets = MemoryDatasetRepository(database)

    def call(dataset_id: str) -> str:
        now = clock()
        dataset = Dataset(dataset_id, "anna", now, now)
        datasets.add(dataset, Event(now, EventKind.ANNOUNCED, "Created."))
        opened = dataset.after(Action.UPLOAD, now)
        datasets.save(opened, Event(now, EventKind.FIRST_ENTRIES, "First entries arrived."))
        return dataset_id

    return call


def all_due(deliver: DeliverEvents) -> Deliveries:
    """Deliver whatever is due now."""
    total = Deliveries()
    while (claim := deliver.claim()) is not None:
        done = deliver.deliver(claim)
        total.delivered += done.delivered
        total.failed += done.failed
        total.dead += done.dead
    return total


def until_dead(deliver: DeliverEvents, outbox: MemoryEventOutbox, clock: Any) -> None:
    while not outbox.backlog().dead:
        all_due(deliver)
        clock.advance(60)


def test_events_are_delivered_in_their_order_and_then_gone(
    deliver: DeliverEvents, outbox: MemoryEventOutbox, receiver: Receiver, filled: Callable[[str], str]
) -> None:
    filled("d1")
    assert all_due(deliver) == Deliveries(delivered=2)
    assert receiver.got == [("d1", "announced"), ("d1", "first-entries")]
    assert outbox.backlog() == Backlog(0, 0)


def test_a_failing_event_holds_up_its_own_data_set_alone(
    deliver: DeliverEvents,
    outbox: MemoryEventOutbox,
    receiver: Receiver,
    filled: Callable[[str], str],
    clock: Any,
) -> None:
    filled("d1")
    filled("d2")
    receiver.fails["d1"] = NotDelivered("the receiver answered 500")
    assert all_due(deliver) == Deliveries(delivered=2, failed=1)
    assert receiver.got == [("d2", "announced"), ("d2", "first-entries")]
    first, second = outbox.list(dead=False, limit=9)
    assert (first.attempts, first.error) == (1, "the receiver answered 500")
    assert (second.attempts, second.error) == (0, None)
    receiver.fails.clear()
    clock.advance(4.9)
    assert all_due(deliver) == Deliveries()
    clock.advance(0.2)
    assert all_due(deliver) == Deliveries(delivered=2)
    assert receiver.got[2:] == [("d1", "announced"), ("d1", "first-entries")]


def test_the_receiver_may_ask_for_a_longer_pause_of_an_hour_at_most(
    deliver: DeliverEvents, receiver: Receiver, filled: Callable[[str], str], clock: Any
) -> None:
    filled("d1")
    receiver.fails["d1"] = NotDelivered("busy", retry_after=timedelta(seconds=90))
    all_due(deliver)
    clock.advance(89)
    assert all_due(deliver) == Deliveries()
    receiver.fails["d1"] = NotDelivered("busy", retry_after=timedelta(days=9))
    clock.advance(2)
    assert all_due(deliver) == Deliveries(failed=1)
    clock.advance(LONGEST_PAUSE.total_seconds() + 1)
    assert all_due(deliver).failed == 1


def test_a_shorter_pause_than_ours_is_not_granted(
    deliver: DeliverEvents, receiver: Receiver, filled: Callable[[str], str], clock: Any
) -> None:
    filled("d1")
    receiver.fails["d1"] = NotDelivered("busy", retry_after=timedelta(seconds=1))
    all_due(deliver)
    clock.advance(4)
    assert all_due(deliver) == Deliveries()


def test_after_a_day_in_vain_an_event_is_dead_and_the_next_ones_turn_has_come(
    deliver: DeliverEvents,
    outbox: MemoryEventOutbox,
    receiver: Receiver,
    filled: Callable[[str], str],
    clock: Any,
) -> None:
    filled("d1")
    receiver.fails["announced"] = NotDelivered("x" * 9000)
    began = deliver.now()
    until_dead(deliver, outbox, clock)
    assert DAY <= deliver.now() - began < DAY + timedelta(hours=2)
    (letter,) = outbox.list(dead=True, limit=9)
    assert letter.event.kind == "announced"
    assert len(letter.error or "") == 500
    assert receiver.got == [("d1", "first-entries")]


def test_what_comes_after_a_dead_letter_has_a_few_attempts_of_its_own(
    deliver: DeliverEvents,
    outbox: MemoryEventOutbox,
    receiver: Receiver,
    filled: Callable[[str], str],
    clock: Any,
) -> None:
    filled("d1")
    receiver.fails["d1"] = NotDelivered("no answer")
    until_dead(deliver, outbox, clock)
    assert outbox.backlog().waiting == 1
    for _ in range(30):
        all_due(deliver)
        clock.advance(60)
    letters = outbox.list(dead=True, limit=9)
    assert [letter.attempts for letter in letters][1:] == [3]


def test_a_receiver_that_wants_no_more_gets_no_second_attempt(
    deliver: DeliverEvents, outbox: MemoryEventOutbox, receiver: Receiver, filled: Callable[[str], str]
) -> None:
    filled("d1")
    receiver.fails["d1"] = NotDelivered("410", final=True)
    assert all_due(deliver) == Deliveries(dead=2)
    assert outbox.backlog() == Backlog(0, 2)


def test_a_success_begins_the_day_anew(
    deliver: DeliverEvents,
    outbox: MemoryEventOutbox,
    receiver: Receiver,
    filled: Callable[[str], str],
    clock: Any,
) -> None:
    filled("d1")
    receiver.fails["announced"] = NotDelivered("no answer")
    for _ in range(23 * 60):
        all_due(deliver)
        clock.advance(60)
    receiver.fails = {"first-entries": NotDelivered("no answer")}
    for _ in range(3 * 60):
        all_due(deliver)
        clock.advance(60)
    assert receiver.got == [("d1", "announced")]
    assert outbox.backlog().dead == 0


def test_one_that_is_told_to_stop_leaves_the_rest_to_others(
    deliver: DeliverEvents, outbox: MemoryEventOutbox, receiver: Receiver, filled: Callable[[str], str]
) -> None:
    filled("d1")
    claim = deliver.claim()
    assert claim is not None
    assert deliver.deliver(claim, lambda: bool(receiver.got)) == Deliveries(delivered=1)
    again = deliver.claim()
    assert again is not None
    assert [waiting.attempts for waiting in again.events] == [0]


def test_what_is_broken_off_because_the_server_stops_is_no_failure(
    deliver: DeliverEvents, outbox: MemoryEventOutbox, receiver: Receiver, filled: Callable[[str], str]
) -> None:
    filled("d1")
    stopping: list[bool] = []
    receiver.before = lambda: stopping.append(True)
    receiver.fails["d1"] = NotDelivered("the server stops")
    claim = deliver.claim()
    assert claim is not None
    assert deliver.deliver(claim, lambda: bool(stopping)) == Deliveries()
    assert [waiting.attempts for waiting in outbox.list(dead=False, limit=9)] == [0, 0]
    assert deliver.claim() is not None


def test_one_whose_claim_has_run_out_leaves_the_rest_to_the_next(
    deliver: DeliverEvents,
    outbox: MemoryEventOutbox,
    receiver: Receiver,
    filled: Callable[[str], str],
    clock: Any,
) -> None:
    filled("d1")
    late = deliver.claim()
    clock.advance(31)
    assert late is not None
    assert deliver.claim() is not None
    assert deliver.deliver(late) == Deliveries(delivered=1)
    assert receiver.got == [("d1", "announced")]
    assert outbox.backlog().waiting == 2


def test_what_it_did_is_counted_though_it_could_not_be_stored(
    deliver: DeliverEvents, database: MemoryDatabase, receiver: Receiver, filled: Callable[[str], str]
) -> None:
    class Late(MemoryEventOutbox):
        def postpone(self, claim: EventClaim, event: WaitingEvent, since: datetime, due: datetime) -> None:
            raise Conflict("somebody was quicker")

    filled("d1")
    receiver.fails["d1"] = NotDelivered("no answer")
    late = replace(deliver, outbox=Late(database))
    claim = late.claim()
    assert claim is not None
    assert late.deliver(claim) == Deliveries(failed=1)
