"""Refusals carry facts, and a short sentence of these."""

import inspect
from typing import Any

import pytest

from logleap.domain.errors import (
    ArtifactNotFound,
    ArtifactsTooLarge,
    BatchEmpty,
    DatasetEmpty,
    DatasetNotFound,
    EntryCountDiffers,
    EntryError,
    EntryNotFound,
    InvalidApiKey,
    InvalidArtifact,
    InvalidEntries,
    InvalidKeyText,
    InvalidTransition,
    KeyNotFound,
    KeyReused,
    ModelMissing,
    ModelUnusable,
    ParameterInvalid,
    PositionNotFound,
    Refusal,
    RetentionTooLong,
    RunCancelled,
    RunFinished,
    RunInProgress,
    RunNotFound,
    StoredPartially,
    TaskUnknown,
    TemplateNotFound,
    TimeLimitTooLong,
)

FACTS: dict[type[Refusal], dict[str, Any]] = {
    ArtifactNotFound: {"dataset_id": "d-1", "name": "model.bin", "there": ["a", "b"]},
    ArtifactsTooLarge: {"limit": 1000},
    RetentionTooLong: {"field": "archive_after", "seconds": 90.0, "longest": 60.0},
    InvalidArtifact: {"field": "name", "value": "a/b", "allowed": "letters"},
    BatchEmpty: {},
    DatasetEmpty: {"dataset_id": "d-1"},
    DatasetNotFound: {"dataset_id": "d-1"},
    EntryCountDiffers: {"expected": 5, "actual": 4},
    EntryNotFound: {"dataset_id": "d-1", "batch_id": "b-1", "sequence": 7},
    InvalidApiKey: {},
    InvalidEntries: {"errors": [EntryError(4, "TIMESTAMP_NO_OFFSET", "…", "timestamp", 5)], "total": 120},
    InvalidKeyText: {"field": "owner", "value": "a:b", "allowed": "1 to 64 letters"},
    InvalidTransition: {"dataset_id": "d-1", "state": "training", "action": "upload"},
    KeyNotFound: {"key_id": "k-1"},
    KeyReused: {"key": "k-1"},
    ModelMissing: {"dataset_id": "d-1"},
    ModelUnusable: {"dataset_id": "d-1", "why": "Train it again"},
    ParameterInvalid: {"field": "current", "problem": "neither true nor false"},
    PositionNotFound: {},
    RunCancelled: {"run_id": "r-1"},
    RunFinished: {"run_id": "r-1", "state": "failed"},
    RunInProgress: {"dataset_id": "d-1", "run_id": "r-1", "task": "count-entries", "key": "k-1"},
    RunNotFound: {"dataset_id": "d-1", "run_id": "r-1"},
    StoredPartially: {"key": "k-1", "batch_id": "b-1", "entries": 7},
    TaskUnknown: {"task": "x", "offered": ["count-entries", "other"]},
    TemplateNotFound: {"dataset_id": "d-1", "template": "9c1f30d2aa07b5e4"},
    TimeLimitTooLong: {"seconds": 90_000.0, "longest": 86_400.0},
}


@pytest.mark.parametrize("kind", FACTS, ids=lambda kind: kind.__name__)
def test_a_refusal_carries_its_facts_and_a_sentence_of_them_for_the_log(kind: type[Refusal]) -> None:
    facts = FACTS[kind]
    refusal = kind(**facts)
    assert vars(refusal) == facts
    assert 10 < len(str(refusal)) < 120
    assert not str(refusal).endswith(".")
    assert list(facts) == list(inspect.signature(kind).parameters)


def test_every_refusal_of_the_domain_is_here() -> None:
    assert {kind for kind in Refusal.__subclasses__() if kind.__module__ == Refusal.__module__} == set(FACTS)
