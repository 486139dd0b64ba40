"""What every EntryStore and ArchiveStore tells in a report: the same, of the same entries."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logleap.domain.datasets import Dataset
from logleap.domain.entries import Batch, Entry, Manifest, PlacedEntries, Receipt, Row
from logleap.domain.report import FrequentMessage, Gap, LargeEntry, Report, Span
from logleap.ports.archive import ArchiveDamaged, ArchiveStore
from logleap.ports.entries import EntryStore
from logleap.ports.receipts import ReceiptLedger

BEGIN = datetime(1, 1, 1, tzinfo=UTC)
NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)

Batches = Mapping[str, list[Entry]]

few_texts = st.sampled_from(["jam", "Jam", "jam\0", "é", "e\u0301", "😀" * 101, "x" * 201, "x" * 202])
few_times = st.sampled_from([NOON, NOON + SECOND, NOON + 3 * SECOND, NOON + HOUR, NOON - 1.5 * SECOND, BEGIN])
entries = st.builds(
    Entry,
    timestamp=few_times | st.datetimes(NOON.replace(tzinfo=None), timezones=st.just(UTC)),
    message=few_texts,
    context=st.sampled_from([None, "", "null", "é"]),
)
batches = st.dictionaries(st.uuids(version=4).map(str), st.lists(entries, min_size=1, max_size=8), max_size=5)


def plain_report(batches: Batches) -> Report:
    """The report as its specification has it, for entries that are few."""
    rows = [Row(batch_id, n, entry) for batch_id, batch in batches.items() for n, entry in enumerate(batch)]
    times = sorted(row.entry.timestamp for row in rows)
    gaps = [Gap(*pair) for pair in pairwise(times) if pair[1] - pair[0] > SECOND]
    counts = Counter(row.entry.message for row in rows)
    hours = Counter(BEGIN + (time - BEGIN) // HOUR * HOUR for time in times)
    large = [
        LargeEntry(
            len((row.entry.message + (row.entry.context or "")).encode()),
            row.batch_id,
            row.sequence,
            shortened(row.entry.message),
        )
        for row in rows
    ]
    return Report(
        entries=len(rows),
        first=times[0] if times else None,
        last=times[-1] if times else None,
        gaps=sorted(gaps, key=lambda gap: (-gap.length, gap.start))[:10],
        gap_resolution=SECOND,
        out_of_order=sum(
            after.timestamp < before.timestamp
            for batch in batches.values()
            for before, after in pairwise(batch)
        ),
        duplicates=len(rows) - len({row.entry for row in rows}),
        duplicates_complete=True,
        frequent=[
            FrequentMessage(shortened(message), entries)
            for message, entries in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:10]
        ],
        frequent_missed=0,
        largest=sorted(large, key=lambda entry: (-entry.size, entry.batch_id, entry.sequence))[:10],
        histogram=[Span(*hour) for hour in sorted(hours.items())],
        histogram_width=HOUR,
    )


def shortened(text: str) -> str:
    return text if len(text) <= 200 else text[:200] + "…"


def some_batches() -> Batches:
    """Entries of which every figure of a report has something to tell."""
    shift = [Entry(NOON + timedelta(milliseconds=n * 700), f"line {n % 7}", None) for n in range(30)]
    night = [Entry(NOON + 9 * HOUR + n * SECOND, f"line {n % 5}", '{"gate": 4}') for n in range(12)]
    odd = [
        Entry(NOON, "é" * 300, "é"),
        Entry(datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), "before 1970", ""),
        Entry(NOON, "before 1970", None),
        Entry(BEGIN, "the first microsecond"),
        Entry(datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), "the last microsecond"),
        shift[3],
    ]
    return {str(uuid4()): batch for batch in (shift, night, odd, shift[5:8], [night[0]])}


Upload = Callable[..., str]
Announce = Callable[..., Dataset]
ReceiptFor = Callable[..., Receipt]


def test_a_report_tells_what_is_there(
    store: EntryStore, ledger: ReceiptLedger, announce_uploading: Announce, upload: Upload
) -> None:
    dataset = announce_uploading()
    store.prepare(dataset.dataset_id)
    given = {upload(dataset, batch): batch for batch in some_batches().values()}
    assert store.report(ledger.manifest(dataset.dataset_id)) == plain_report(given)


def test_order_is_told_within_a_batch_however_many_calls_wrote_it(
    store: EntryStore, ledger: ReceiptLedger, announce_uploading: Announce, receipt_for: ReceiptFor
) -> None:
    dataset = announce_uploading()
    store.prepare(dataset.dataset_id)
    batch = Batch(dataset.dataset_id, dataset.owner, str(uuid4()))
    minutes = [5, 5, 4, 6], [3, 7, 7], [7, 6]
    written: list[Entry] = []
    for part in minutes:
        entries = [Entry(NOON + minute * 60 * SECOND, "turn") for minute in part]
        store.append(batch, entries, len(written))
        written += entries
    ledger.add(receipt_for(dataset, batch_id=batch.batch_id, entries=9), dataset.version)
    report = store.report(ledger.manifest(dataset.dataset_id))
    assert report.out_of_order == 3
    assert report == plain_report({batch.batch_id: written})


def test_of_no_entries_all_figures_are_zero(store: EntryStore, announce_uploading: Announce) -> None:
    dataset = announce_uploading()
    store.prepare(dataset.dataset_id)
    assert store.report(Manifest(dataset.dataset_id, {})) == plain_report({})


def test_orphans_and_rows_stored_twice_are_not_in_it(
    store: EntryStore, ledger: ReceiptLedger, announce_uploading: Announce, receipt_for: ReceiptFor
) -> None:
    dataset = announce_uploading()
    store.prepare(dataset.dataset_id)
    shift, night, *_ = some_batches().values()
    batch = Batch(dataset.dataset_id, dataset.owner, str(uuid4()))
    for first, some in ((0, shift), (len(shift), night), (0, shift[:10])):
        store.append(batch, some, first)
    store.append(Batch(dataset.dataset_id, dataset.owner, str(uuid4())), night, 0)
    number = len(shift) + len(night)
    ledger.add(receipt_for(dataset, batch_id=batch.batch_id, entries=number), dataset.version)
    report = store.report(ledger.manifest(dataset.dataset_id))
    assert report == plain_report({batch.batch_id: shift + night})


def test_whatever_is_stored_the_report_is_what_its_specification_says(
    *,
    store: EntryStore,
    ledger: ReceiptLedger,
    announce_uploading: Announce,
    upload: Upload,
    examples: int,
) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(given=batches)
    def check(given: Batches) -> None:
        dataset = announce_uploading()
        store.prepare(dataset.dataset_id)
        stored = {upload(dataset, batch): batch for batch in given.values()}
        assert store.report(ledger.manifest(dataset.dataset_id)) == plain_report(stored)

    check()


def test_an_archive_tells_the_same(archives: ArchiveStore) -> None:
    given = some_batches()
    manifest = Manifest(str(uuid4()), {batch_id: len(batch) for batch_id, batch in given.items()})
    rows = (Row(batch_id, n, entry) for batch_id, batch in given.items() for n, entry in enumerate(batch))
    archive = archives.write(manifest, PlacedEntries.in_blocks(rows))
    assert archives.report(archive) == plain_report(given)
    archives.remove(archive)
    with pytest.raises(ArchiveDamaged):
        archives.report(archive)
