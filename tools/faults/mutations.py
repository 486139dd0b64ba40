"""What a server must not have: parts broken on purpose, to show that the scenarios on processes find them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from logleap.adapters.memory.entries import MemoryEntryStore
from logleap.backends import Backend
from logleap.domain.datasets import Dataset
from logleap.domain.entries import Batch, Manifest, Receipt, Totals
from logleap.domain.events import EventClaim
from logleap.domain.runs import Run, RunState
from logleap.entrypoints.log_lines import LineWriter
from logleap.ports.errors import Unavailable
from logleap.ports.receipts import ReceiptLedger
from logleap.telemetry.instrument import around
from logleap.usecases.lifecycle.archive import ArchiveDataset


class Forgetful(ReceiptLedger):
    """A ledger that knows no batch again."""

    def __init__(self, ledger: ReceiptLedger) -> None:
        self._ledger = ledger

    def find(self, dataset_id: str, key: str) -> Receipt | None:
        return None

    def add(self, receipt: Receipt, dataset_version: int) -> Receipt:
        return self._ledger.add(replace(receipt, key=receipt.batch_id), dataset_version)

    def totals(self, dataset_id: str) -> Totals:
        return self._ledger.totals(dataset_id)

    def all_totals(self, dataset_ids: Sequence[str]) -> Mapping[str, Totals]:
        return self._ledger.all_totals(dataset_ids)

    def latest(self, dataset_id: str) -> datetime | None:
        return self._ledger.latest(dataset_id)

    def manifest(self, dataset_id: str) -> Manifest:
        return self._ledger.manifest(dataset_id)


_as_it_is = ArchiveDataset._written


class RowsDroppedFirst(ArchiveDataset):
    """Drops the rows before the archive is written and verified."""

    def _written(self, dataset: Dataset) -> Dataset:
        in_hand = MemoryEntryStore()
        for row in self.store.read(self.ledger.manifest(dataset.dataset_id)):
            batch = Batch(dataset.dataset_id, dataset.owner, row.batch_id)
            in_hand.append(batch, [row.entry], row.sequence)
        self.store.drop(dataset.dataset_id)
        return _as_it_is(
            ArchiveDataset(self.datasets, in_hand, self.ledger, self.archives, self.now), dataset
        )


class Swallowing(ReceiptLedger):
    """A ledger that acknowledges what it could not store."""

    def __init__(self, ledger: ReceiptLedger) -> None:
        self._ledger = ledger

    def add(self, receipt: Receipt, dataset_version: int) -> Receipt:
        try:
            return self._ledger.add(receipt, dataset_version)
        except Unavailable:
            return receipt

    def find(self, dataset_id: str, key: str) -> Receipt | None:
        return self._ledger.find(dataset_id, key)

    def totals(self, dataset_id: str) -> Totals:
        return self._ledger.totals(dataset_id)

    def all_totals(self, dataset_ids: Sequence[str]) -> Mapping[str, Totals]:
        return self._ledger.all_totals(dataset_ids)

    def latest(self, dataset_id: str) -> datetime | None:
        return self._ledger.latest(dataset_id)

    def manifest(self, dataset_id: str) -> Manifest:
        return self._ledger.manifest(dataset_id)


def _swallow(backend: Backend) -> Backend:
    return replace(backend, ledger=Swallowing(backend.ledger))


def _log_in_place(backend: Backend) -> Backend:
    def write(writer: LineWriter, line: bytes) -> int:
        writer._file.write(line)
        return len(line)

    setattr(LineWriter, "write", write)  # noqa: B010 -- of this process
    return backend


def _believe_any_lease(backend: Backend) -> Backend:
    def leased(run: Run, now: datetime) -> bool:
        return run.state is RunState.RUNNING and now < run.due_at

    def unbounded(method: Callable[..., Any]) -> Callable[..., Any]:
        if method.__name__ not in {"due", "unfinished"}:
            return method
        return lambda moment, limit, latest=None: method(moment, limit)

    setattr(Run, "leased", leased)  # noqa: B010 -- of this process
    return replace(
        backend, runs=around(backend.runs, unbounded), datasets=around(backend.datasets, unbounded)
    )


def _forget(backend: Backend) -> Backend:
    return replace(backend, ledger=Forgetful(backend.ledger))


def _drop_first(backend: Backend) -> Backend:
    setattr(ArchiveDataset, "_written", RowsDroppedFirst._written)  # noqa: B010 -- of this process
    return backend


def _forget_claimed_events(backend: Backend) -> Backend:
    def hook(claim: Callable[..., EventClaim | None]) -> Callable[..., EventClaim | None]:
        def claimed(now: datetime, until: datetime, limit: int) -> EventClaim | None:
            found = claim(now, until, limit)
            for waiting in found.events if found is not None else ():
                outbox.delivered(found, waiting, until)
            return found

        return claimed

    outbox: Any = backend.events
    return replace(backend, events=around(outbox, {"claim": hook}))


def _last_event_first(backend: Backend) -> Backend:
    def hook(claim: Callable[..., EventClaim | None]) -> Callable[..., EventClaim | None]:
        def claimed(now: datetime, until: datetime, limit: int) -> EventClaim | None:
            found = claim(now, until, limit)
            return None if found is None else replace(found, events=found.events[::-1])

        return claimed

    outbox: Any = backend.events
    return replace(backend, events=around(outbox, {"claim": hook}))


MUTATIONS: Mapping[str, Callable[[Backend], Backend]] = {
    "no replay": _forget,
    "acknowledged though the disk was full": _swallow,
    "log lines written in place": _log_in_place,
    "a lease is believed whatever its end": _believe_any_lease,
    "the rows dropped before the archive is verified": _drop_first,
    "events are removed before they are sent": _forget_claimed_events,
    "the last event is sent first": _last_event_first,
}
"""By name: what makes the backend of a process, or the process itself, a broken one."""
