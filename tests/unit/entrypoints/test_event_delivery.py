"""The threads that deliver events: a slow receiver, a backend that is down, or a bug holds up nobody else."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from logleap.adapters.memory.database import MemoryDatabase
from logleap.adapters.memory.datasets import MemoryDatasetRepository
from logleap.adapters.memory.events import MemoryEventOutbox
from logleap.domain.datasets import Dataset, Event, EventKind
from logleap.domain.events import Backlog, EventClaim, OutgoingEvent
from logleap.entrypoints.worker.event_delivery import AT_ONCE, EventDelivery
from logleap.ports.errors import Unavailable
from logleap.ports.events import EventDeliverer, NotDelivered
from logleap.telemetry.metrics import Metrics
from logleap.usecases.deliver_events import DeliverEvents


class Receiver(EventDeliverer):
    """Takes events, but hangs at those of the data sets `slow` until it is closed."""

    def __init__(self) -> None:
        self.slow: set[str] = set()
        self.got: list[str] = []
        self.changed = threading.Condition()
        self.closed = threading.Event()

    longest = 1.0

    def deliver(self, event: OutgoingEvent) -> None:
        if event.dataset_id in self.slow:
            self.closed.wait(60)
            raise NotDelivered("the server stops")
        with self.changed:
            self.got.append(event.dataset_id)
            self.changed.notify_all()

    def close(self) -> None:
        self.closed.set()

    def wait(self, number: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.got) >= number, timeout=30), self.got


class Outbox(MemoryEventOutbox):
    """Raises `errors`, one at each claim and each count, before it works."""

    def __init__(self, database: MemoryDatabase) -> None:
        super().__init__(database)
        self.claim_errors: list[Exception] = []
        self.count_errors: list[Exception] = []

    def claim(self, now: datetime, until: datetime, limit: int) -> EventClaim | None:
        if self.claim_errors:
            raise self.claim_errors.pop()
        return super().claim(now, until, limit)

    def backlog(self) -> Backlog:
        if self.count_errors:
            raise self.count_errors.pop()
        return super().backlog()


class Site:
    def __init__(self) -> None:
        self.database = MemoryDatabase(announces=True)
        self.outbox = Outbox(self.database)
        self.receiver = Receiver()
        self.metrics = Metrics()
        self.stop = threading.Event()
        self.delivery = EventDelivery(
            outbox=self.outbox,
            deliver=DeliverEvents(
                outbox=self.outbox,
                deliverer=self.receiver,
                now=lambda: datetime.now(UTC),
                jitter=lambda: 0.0,
                lease=timedelta(seconds=60),
                first_pause=timedelta(seconds=5),
                give_up_after=timedelta(days=1),
            ),
            metrics=self.metrics,
            interval=0.01,
            report_interval=0.01,
        )
        self.thread = threading.Thread(target=self.delivery.run, args=(self.stop,))

    def announce(self, dataset_id: str) -> None:
        now = datetime.now(UTC)
        dataset = Dataset(dataset_id, "anna", now, now)
        MemoryDatasetRepository(self.database).add(dataset, Event(now, EventKind.ANNOUNCED, "Created."))

    def end(self) -> None:
        self.stop.set()
        self.thread.join(30)
        assert not self.thread.is_alive()


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.end()


def test_a_receiver_that_hangs_at_some_data_sets_holds_up_no_other(site: Site) -> None:
    for number in range(AT_ONCE - 1):
        site.receiver.slow.add(f"slow-{number}")
        site.announce(f"slow-{number}")
    site.thread.start()
    for number in range(10):
        site.announce(f"d{number}")
    site.receiver.wait(10)
    site.end()
    left = site.outbox.list(dead=False, limit=99)
    assert [waiting.event.dataset_id for waiting in left] == [f"slow-{n}" for n in range(AT_ONCE - 1)]
    assert {waiting.attempts for waiting in left} == {0}  # broken off by the stop, not failed


@pytest.mark.parametrize("kind", [Unavailable, KeyError])
def test_it_goes_on_after_an_outage_or_a_bug(
    site: Site, kind: Callable[[str], Exception], caplog: pytest.LogCaptureFixture
) -> None:
    site.outbox.claim_errors = [kind("one"), kind("two")]
    site.outbox.count_errors = [kind("three")]
    site.announce("d1")
    site.thread.start()
    site.receiver.wait(1)
    while site.outbox.count_errors:
        assert site.thread.is_alive()
    site.end()
    assert site.receiver.got == ["d1"]
    assert len(caplog.records) == 3


def test_what_waits_is_counted(site: Site) -> None:
    site.receiver.slow.add("slow")
    site.announce("slow")
    site.announce("d1")
    site.thread.start()
    site.receiver.wait(1)
    name = "logleap_events_waiting"
    while site.metrics.registry.get_sample_value(name) != 1:
        assert site.thread.is_alive()
    site.end()
    assert site.metrics.registry.get_sample_value("logleap_events_delivered_total") == 1
