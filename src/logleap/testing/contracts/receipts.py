"""What every ReceiptLedger promises."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from logleap.domain.datasets import Dataset
from logleap.domain.entries import Receipt, TimeRange, Totals
from logleap.ports.datasets import DatasetRepository
from logleap.ports.errors import Conflict, Unavailable
from logleap.ports.receipts import ReceiptLedger

Announce = Callable[..., Dataset]
ReceiptFor = Callable[..., Receipt]
Race = Callable[..., list[Any]]


@pytest.fixture(params=["", "seen"])
def announce_uploading(
    announce_uploading: Announce, datasets: DatasetRepository, request: pytest.FixtureRequest
) -> Announce:
    """Stores a data set that takes entries, or one that was also looked at, as an upload does."""

    def call(**fields: Any) -> Dataset:
        dataset = announce_uploading(**fields)
        return datasets.recent(dataset.owner, dataset.dataset_id) if request.param else dataset

    return call


def insist(call: Callable[[], Any]) -> Any:
    """Contention may make a backend unavailable for a moment; `add` can be repeated."""
    while True:
        try:
            return call()
        except Unavailable:
            continue


def test_a_receipt_comes_back_as_it_was(
    ledger: ReceiptLedger, announce_uploading: Announce, receipt_for: ReceiptFor
) -> None:
    dataset = announce_uploading()
    at = datetime(2026, 8, 1, 12, 0, 0, 123456, tzinfo=UTC)
    receipt = receipt_for(dataset, key="nightly-7", entries=10**11, created_at=at)
    assert ledger.add(receipt, dataset.version) == receipt
    found = ledger.find(dataset.dataset_id, "nightly-7")
    assert found == receipt
    assert found is not None
    assert found.created_at.utcoffset() == timedelta(0)


def test_an_unknown_key_finds_none(ledger: ReceiptLedger, announce_uploading: Announce) -> None:
    assert ledger.find(announce_uploading().dataset_id, "unknown") is None


def test_a_key_counts_in_its_own_data_set_only(
    ledger: ReceiptLedger, announce_uploading: Announce, receipt_for: ReceiptFor
) -> None:
    one, other = announce_uploading(), announce_uploading()
    first = receipt_for(one, key="same")
    ledger.add(first, one.version)
    assert ledger.find(other.dataset_id, "same") is None
    second = receipt_for(other, key="same")
    assert ledger.add(second, other.version) == second
    assert ledger.find(one.dataset_id, "same") == first


@pytest.mark.parametrize(
    "key",
    [" ", ".", "..", "/", "a/b", "__x__", "x" * 255, "'; DROP TABLE receipts; --", "é😀", "\0"],
    ids=ascii,
)
def test_a_key_may_be_any_text(
    ledger: ReceiptLedger, announce_uploading: Announce, receipt_for: ReceiptFor, key: str
) -> None:
    dataset = announce_uploading()
    receipt = receipt_for(dataset, key=key)
    assert ledger.find(dataset.dataset_id, key) is None
    ledger.add(receipt, dataset.version)
    assert ledger.find(dataset.dataset_id, key) == receipt


def test_keys_that_differ_in_case_or_space_differ(
    ledger: ReceiptLedger, announce_uploading: Announce, receipt_for: ReceiptFor
) -> None:
    dataset = announce_uploading()
    receipts = [receipt_for(dataset, key=key) for key in ("key", "KEY", "key ", "k\u00e9y", "ke\u0301y")]
    for receipt in receipts:
        ledger.add(receipt, dataset.version)
    assert ledger.totals(dataset.dataset_id).batches == 5


@pytest.mark.parametrize("version", [1, 2, 3, 99])
def test_a_key_that_is_there_answers_the_earlier_receipt_whatever_the_version(
    ledger: ReceiptLedger, announce_uploading: Announce, receipt_for: ReceiptFor, version: int
) -> None:
    dataset = announce_uploading()
    earlier = receipt_for(dataset, key="again", entries=3)
    ledger.add(earlier, dataset.version)
    other_body = receipt_for(dataset, key="again", entries=5, sha256="cd" * 32)
    assert ledger.add(other_body, version) == earlier
    assert ledger.totals(dataset.dataset_id) == Totals(entries=3, batches=1)
    assert ledger.manifest(dataset.dataset_id).batches == {earlier.batch_id: 3}


def test_an_add_whose_outcome_was_lost_can_be_repeated(
    ledger: ReceiptLedger, announce_uploading: Announce, receipt_for: ReceiptFor
) -> None:
    dataset = announce_uploading()
    receipt = receipt_for(dataset)
    assert [ledger.add(receipt, dataset.version) for _ in range(3)] == [receipt] * 3
    assert ledger.totals(dataset.dataset_id) == Totals(entries=receipt.entries, batches=1)


@pytest.mark.parametrize("version", [1, 3])
def test_another_version_of_the_data_set_stores_nothing(
    ledger: ReceiptLedger, announce_uploading: Announce, receipt_for: ReceiptFor, version: int
) -> None:
    dataset = announce_uploading()
    assert dataset.version == 2
    receipt = receipt_for(dataset)
    with pytest.raises(Conflict):
        ledger.add(receipt, version)
    assert ledger.find(dataset.dataset_id, receipt.key) is None
    assert ledger.totals(dataset.dataset_id) == Totals(entries=0, batches=0)
    assert not ledger.manifest(dataset.dataset_id).batches


def test_adding_a_receipt_leaves_the_data_set_as_it_was(
    ledger: ReceiptLedger, datasets: DatasetRepository, announce_uploading: Announce, receipt_for: ReceiptFor
) -> None:
    dataset = announce_uploading()
    ledger.add(receipt_for(dataset), dataset.version)
    assert datasets.get(dataset.owner, dataset.dataset_id) == dataset


def test_totals_and_manifest_hold_every_receipt_of_their_data_set_and_no_other(
    ledger: ReceiptLedger, announce_uploading: Announce, receipt_for: ReceiptFor
) -> None:
    dataset, other = announce_uploading(), announce_uploading()
    ledger.add(receipt_for(other), other.version)
    assert ledger.totals(dataset.dataset_id) == Totals(entries=0, batches=0)
    assert not ledger.manifest(dataset.dataset_id).batches
    receipts = [receipt_for(dataset, entries=10**9 + number) for number in range(40)]
    for receipt in receipts:
        ledger.add(receipt, dataset.version)
    manifest = ledger.manifest(dataset.dataset_id)
    assert manifest.dataset_id == dataset.dataset_id
    assert dict(manifest.batches) == {receipt.batch_id: receipt.entries for receipt in receipts}
    assert ledger.totals(dataset.dataset_id) == Totals(manifest.entries, 40)


def test_the_latest_receipt_is_the_one_that_was_made_last(
    ledger: ReceiptLedger, announce_uploading: Announce, receipt_for: ReceiptFor
) -> None:
    dataset, other = announce_uploading(), announce_uploading()
    assert ledger.latest(dataset.dataset_id) is None
    noon = datetime(2026, 8, 1, 12, 0, 0, 123456, tzinfo=UTC)
    for seconds in (0, 60, 30):
        ledger.add(receipt_for(dataset, created_at=noon + timedelta(seconds=seconds)), dataset.version)
    ledger.add(receipt_for(other), other.version)
    found = ledger.latest(dataset.dataset_id)
    assert found == noon + timedelta(seconds=60)
    assert found.utcoffset() == timedelta(0)


def test_of_concurrent_adds_of_one_key_one_is_stored_and_all_are_told_which(
    ledger: ReceiptLedger,
    announce_uploading: Announce,
    receipt_for: ReceiptFor,
    race: Race,
    rounds: int,
) -> None:
    dataset = announce_uploading()
    for number in range(rounds):
        rivals = [receipt_for(dataset, key=f"key {number}") for _ in range(4)]
        calls = [partial(ledger.add, rival, dataset.version) for rival in rivals]
        answers = race(*(partial(insist, call) for call in calls))
        assert answers == [answers[0]] * 4
        assert answers[0] in rivals
        assert ledger.find(dataset.dataset_id, f"key {number}") == answers[0]
    assert ledger.totals(dataset.dataset_id).batches == rounds


def test_concurrent_adds_of_different_keys_are_all_stored(
    ledger: ReceiptLedger,
    announce_uploading: Announce,
    receipt_for: ReceiptFor,
    race: Race,
) -> None:
    dataset = announce_uploading()
    receipts = [receipt_for(dataset, key=str(uuid4())) for _ in range(16)]
    calls = [partial(ledger.add, receipt, dataset.version) for receipt in receipts]
    assert race(*(partial(insist, call) for call in calls)) == receipts
    assert ledger.manifest(dataset.dataset_id).batches.keys() == {receipt.batch_id for receipt in receipts}


def test_an_add_is_before_or_after_a_change_of_the_data_set(
    ledger: ReceiptLedger, datasets: DatasetRepository, announce_uploading: Announce, race: Race, rounds: int
) -> None:
    for _ in range(rounds):
        dataset = announce_uploading()
        receipt = Receipt(dataset.dataset_id, "batch", "key", 3, "ab" * 32, dataset.created_at)
        changed = replace(dataset, version=dataset.version + 1, name="changed")
        added, saved = race(
            partial(insist, partial(ledger.add, receipt, dataset.version)), partial(datasets.save, changed)
        )
        assert not isinstance(saved, Conflict)
        stored = ledger.find(dataset.dataset_id, "key")
        assert stored == (None if isinstance(added, Conflict) else receipt)


def test_the_totals_of_several_data_sets_are_those_of_each(
    ledger: ReceiptLedger, announce_uploading: Announce, receipt_for: ReceiptFor
) -> None:
    empty, full, other = (announce_uploading() for _ in range(3))
    for entries in (3, 4):
        ledger.add(receipt_for(full, entries=entries), full.version)
    ledger.add(receipt_for(other, entries=10**11), other.version)
    asked = [full.dataset_id, empty.dataset_id]
    assert ledger.all_totals(asked) == {full.dataset_id: Totals(7, 2), empty.dataset_id: Totals(0, 0)}
    assert ledger.all_totals([]) == {}


def test_the_times_of_a_data_set_are_those_of_all_its_batches_or_not_known(
    ledger: ReceiptLedger, announce_uploading: Announce, receipt_for: ReceiptFor
) -> None:
    noon = datetime(2026, 8, 1, 12, 0, 0, 123456, tzinfo=UTC)
    full, half, empty = (announce_uploading() for _ in range(3))
    for hours in ((3, 4), (0, 1), (2, 9)):
        times = TimeRange(*(noon + timedelta(hours=hour) for hour in hours))
        for dataset in (full, half):
            receipt = receipt_for(dataset, times=times)
            ledger.add(receipt, dataset.version)
            ledger.add(receipt, dataset.version)
    ledger.add(receipt_for(half, times=None), half.version)
    found = ledger.times([full.dataset_id, half.dataset_id, empty.dataset_id])
    assert found in ({}, {full.dataset_id: TimeRange(noon, noon + timedelta(hours=9))})
    assert ledger.times([]) == {}
