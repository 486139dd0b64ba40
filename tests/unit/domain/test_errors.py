"""Refusals: stable codes, and texts that say what to do."""

import pytest

from logleap.domain.errors import (
    ActionRefused,
    BatchEmpty,
    DatasetEmpty,
    DatasetNotFound,
    EntriesRefused,
    EntryCountDiffers,
    EntryError,
    KeyNotFound,
    KeyRefused,
    KeyReused,
    KeyTextRefused,
    Refusal,
    RunInProgress,
    RunNotFound,
    TaskUnknown,
)

REFUSALS: dict[str, tuple[Refusal, str]] = {
    "DATASET_NOT_FOUND": (DatasetNotFound("d-1"), "'d-1'.*POST /data"),
    "RUN_NOT_FOUND": (RunNotFound("d-1"), "'d-1'.*POST /train/d-1"),
    "STATE_CONFLICT": (ActionRefused("any"), "any"),
    "DATASET_EMPTY": (DatasetEmpty("d-1"), "'d-1'.*/data/d-1"),
    "ENTRY_COUNT_DIFFERS": (EntryCountDiffers(5, 4), "expectedEntries is 5, but 4.*upload what is missing"),
    "RUN_IN_PROGRESS": (RunInProgress("any"), "any"),
    "TASK_UNKNOWN": (TaskUnknown("x", ["count-entries", "other"]), "'x'.*count-entries, other"),
    "IDEMPOTENCY_KEY_REUSED": (KeyReused("k-1"), "'k-1'.*new key"),
    "API_KEY_INVALID": (KeyRefused(), "not known"),
    "API_KEY_NOT_FOUND": (KeyNotFound("k-1"), "'k-1'.*logleap keys list"),
    "API_KEY_TEXT_INVALID": (KeyTextRefused("owner", "a b", "1 to 64 letters"), "owner is 'a b'.*1 to 64"),
    "BATCH_EMPTY": (BatchEmpty(), "at least one entry"),
    "ENTRIES_INVALID": (EntriesRefused([], 3), "3 of the entries.*nothing of this request was stored"),
    "REFUSED": (Refusal("any"), "any"),
}


@pytest.mark.parametrize("code", REFUSALS)
def test_each_refusal_has_its_code_and_says_what_to_do(code: str) -> None:
    refusal, text = REFUSALS[code]
    assert refusal.code == code
    with pytest.raises(type(refusal), match=text):
        raise refusal


def test_every_refusal_of_the_domain_is_here_and_no_two_share_a_code() -> None:
    own = {kind for kind in Refusal.__subclasses__() if kind.__module__ == Refusal.__module__}
    assert {type(refusal) for refusal, _ in REFUSALS.values()} == {Refusal, *own}


def test_refused_entries_are_named() -> None:
    error = EntryError(index=4, code="TIMESTAMP_NAIVE", detail="no offset", field="timestamp", line=5)
    refused = EntriesRefused([error], total=120)
    assert (refused.errors, refused.total) == ([error], 120)
