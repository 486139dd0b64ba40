"""Entries are judged by a data set's current log model, which is loaded once."""

import tempfile
from array import array
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import BinaryIO

import pytest

from logleap.domain.entries import BodyPart, Entries, Entry
from logleap.domain.errors import (
    BatchEmpty,
    DatasetNotFound,
    EntryError,
    ModelMissing,
    ModelUnusable,
)
from logleap.miner.model import LogModel
from logleap.miner.text.mask import Masks
from logleap.miner.train import train
from logleap.ports.artifacts import ArtifactMissing, Blob
from logleap.usecases.datasets import AnnounceDataset
from logleap.usecases.lifecycle.delete import DeleteDataset
from logleap.usecases.loaded_models import LoadedModels
from logleap.usecases.score import ScoreEntries

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)


def model_of(word: str) -> LogModel:
    entries = Entries(array("q", range(20)), [f"{word} {at}" for at in range(20)], [None] * 20)
    return train([entries], masks=Masks(), open_file=tempfile.TemporaryFile)


@pytest.fixture
def score(loaded: LoadedModels) -> ScoreEntries:
    return ScoreEntries(loaded)


class Body:
    """A body of these parts."""

    def __init__(self, *parts: BodyPart) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[BodyPart]:
        return iter(self._parts)


def entries(*messages: str) -> list[Entry]:
    return [Entry(NOON, message) for message in messages]


@pytest.mark.parametrize("compress", [True, False])
def test_entries_are_judged_each_with_its_index_and_bad_ones_in_their_places(
    score: ScoreEntries, with_model: Callable[..., str], *, compress: bool
) -> None:
    model = model_of("gate")
    scored = score("alice", with_model(model.to_bytes(), compress=compress), Body(
        BodyPart(0, entries("gate 1", "gate 2"), []),
        BodyPart(2, entries("gate 3", "belt 4"), [EntryError(3, "MESSAGE_MISSING", "…")]),
    ))  # fmt: skip
    parts = list(scored)
    assert scored.model.model.sha256 == model.digest
    assert [list(part.indexes) for part in parts] == [[0, 1], [2, 4]]
    [template] = model.templates
    assert [part.templates for part in parts] == [[template.id, template.id], [template.id, None]]
    assert [list(part.findings) for part in parts] == [[], [1]]
    assert [error.index for error in parts[1].errors] == [3]
    summary = scored.summary
    assert (summary.entries, summary.matched, summary.new, summary.values, summary.invalid) == (4, 3, 1, 0, 1)
    assert [warned.first for warned in summary.warnings.listed] == [4]


def test_no_entries_are_refused(score: ScoreEntries, with_model: Callable[..., str]) -> None:
    with pytest.raises(BatchEmpty):
        list(score("alice", with_model(model_of("gate").to_bytes()), Body()))


def test_a_model_is_loaded_once_and_the_least_recently_used_one_goes_first(
    loaded: LoadedModels, with_model: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Blob] = []
    opened = loaded.artifacts.open

    def noted(blob: Blob) -> BinaryIO:
        read.append(blob)
        return opened(blob)

    monkeypatch.setattr(loaded.artifacts, "open", noted)
    sizes = [len(model_of(word).to_bytes()) for word in "abc"]
    few = replace(loaded, most_bytes=2 * max(sizes))
    first, second, third = (with_model(model_of(word).to_bytes()) for word in "abc")
    for dataset_id in (first, second, first, third, first, second):
        few.current("alice", dataset_id)
    assert [blob.dataset_id for blob in read] == [first, second, third, second]
    tiny = replace(loaded, most_bytes=1, kept=type(loaded.kept)())
    assert tiny.current("alice", first).scorer is tiny.current("alice", first).scorer


def test_two_threads_that_need_a_model_read_it_once(
    loaded: LoadedModels, with_model: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset_id = with_model(model_of("gate").to_bytes())
    get = loaded.kept.get
    answers = iter([None])  # the first look comes before another thread has loaded it
    expected = loaded.current("alice", dataset_id).scorer
    monkeypatch.setattr(loaded.kept, "get", lambda digest: next(answers, get(digest)))
    assert loaded.current("alice", dataset_id).scorer is expected


def test_a_data_set_without_a_model_or_of_another_owner_is_refused(
    score: ScoreEntries, with_model: Callable[..., str], announce: AnnounceDataset
) -> None:
    with pytest.raises(ModelMissing):
        score("alice", announce("alice", None, {}).dataset_id, Body())
    with pytest.raises(DatasetNotFound):
        score("bob", with_model(model_of("gate").to_bytes()), Body())


@pytest.mark.parametrize(
    ("content", "why"),
    [(b'{"format":"logleap-log-model","version":99}', "Update LogLeap"), (b"{", "cut or damaged")],
)
def test_a_model_that_cannot_be_read_is_refused_with_the_remedy(
    score: ScoreEntries, with_model: Callable[..., str], content: bytes, why: str
) -> None:
    with pytest.raises(ModelUnusable, match=why):
        score("alice", with_model(content), Body())


def test_a_model_whose_bytes_are_gone_is_missing_unless_the_data_set_was_deleted(
    loaded: LoadedModels,
    with_model: Callable[..., str],
    delete_dataset: DeleteDataset,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept, deleted = (with_model(model_of("gate").to_bytes()) for _ in range(2))
    opened = loaded.artifacts.open

    def open_late(blob: Blob) -> object:
        if blob.dataset_id == deleted:
            delete_dataset("alice", deleted)
        else:
            loaded.artifacts.remove_all(kept)
        return opened(blob)

    monkeypatch.setattr(loaded.artifacts, "open", open_late)
    with pytest.raises(ArtifactMissing):
        loaded.current("alice", kept)
    with pytest.raises(DatasetNotFound):
        loaded.current("alice", deleted)
