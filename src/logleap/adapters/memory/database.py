"""What the memory repositories share: one lock, so that each call is a transaction."""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import RLock
from uuid import uuid4

from logleap.domain.datasets import Dataset, Event
from logleap.domain.entries import Receipt, Totals
from logleap.domain.events import OutgoingEvent, WaitingEvent, deleted, outgoing
from logleap.domain.runs import Run, TrainingMessage
from logleap.ports.datasets import Position
from logleap.ports.errors import Conflict


@dataclass(slots=True)
class EventStream:
    """When a data set's outgoing events are due, since when they fail, and who has claimed them."""

    due: datetime
    failing_since: datetime | None = None
    token: str | None = None


@dataclass(slots=True)
class MemoryDatabase:
    """The tables of the memory backend. Hold `lock` while using them.

    `positions` are each owner's data sets in the order of their lists, oldest first. `announces`: changes go
    into `outgoing` too, by the events' ids; each data set that has some there is in `streams`.
    """

    announces: bool = False

    lock: RLock = field(default_factory=RLock)
    datasets: dict[str, Dataset] = field(default_factory=dict)
    positions: dict[str, list[Position]] = field(default_factory=lambda: defaultdict(list))
    events: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))
    receipts: dict[str, dict[str, Receipt]] = field(default_factory=lambda: defaultdict(dict))
    runs: dict[tuple[str, str], Run] = field(default_factory=dict)
    outbox: dict[TrainingMessage, None] = field(default_factory=dict)
    outgoing: dict[str, WaitingEvent] = field(default_factory=dict)
    streams: dict[str, EventStream] = field(default_factory=dict)

    def log(
        self, dataset_id: str, event: Event, *, dataset: Dataset | None = None, run: Run | None = None
    ) -> None:
        """Add a line to a data set's log, about what was made of data set or run."""
        self.events[dataset_id].append(event)
        if self.announces:
            self._announce(outgoing(str(uuid4()), event, dataset=dataset, run=run))

    def announce_deletion(self, dataset: Dataset) -> None:
        """Leave the times alone of what is still to be told of a data set, and tell that it is gone."""
        for event_id, waiting in self.outgoing.items():
            if waiting.event.dataset_id == dataset.dataset_id:
                self.outgoing[event_id] = replace(waiting, event=replace(waiting.event, details=None))
        if self.announces:
            self._announce(deleted(str(uuid4()), dataset))

    def _announce(self, event: OutgoingEvent) -> None:
        self.outgoing[event.event_id] = WaitingEvent(event)
        self.streams.setdefault(event.dataset_id, EventStream(event.at))

    def check_dataset(self, dataset_id: str, version: int) -> None:
        """Raises Conflict unless the data set is stored in this version."""
        stored = self.datasets.get(dataset_id)
        if stored is None or stored.version != version:
            raise Conflict(f"data set {dataset_id} is not at version {version}")

    def check_run(self, run: Run) -> None:
        """Raises Conflict unless the version before `run` is stored."""
        stored = self.runs.get((run.dataset_id, run.run_id))
        if stored is None or stored.version != run.version - 1:
            raise Conflict(f"run {run.run_id} is not at version {run.version - 1}")

    def totals(self, dataset_id: str) -> Totals:
        """What the receipts of a data set add up to."""
        receipts = self.receipts[dataset_id].values() if dataset_id in self.receipts else ()
        return Totals(sum(receipt.entries for receipt in receipts), len(receipts))
