"""Artifacts: what a task may save, which of it becomes a run's, and what is left of the rest."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from logleap.adapters.memory.artifacts import MemoryArtifactStore
from logleap.codecs.compression import compress_zstd, unzstd
from logleap.domain.artifacts import MAX_ARTIFACTS, Artifact
from logleap.domain.datasets import Dataset
from logleap.domain.errors import (
    ArtifactNotFound,
    ArtifactsTooLarge,
    DatasetNotFound,
    InvalidArtifact,
    RunNotFound,
)
from logleap.domain.runs import JsonObject, Run, RunState, TrainingMessage
from logleap.ports.artifacts import ArtifactMissing, Blob
from logleap.ports.errors import Unavailable
from logleap.ports.task import TrainingContext, TryAgain
from logleap.usecases.artifacts import ArtifactsOfRun, ShowArtifacts
from logleap.usecases.lifecycle.delete import DeleteDataset
from logleap.usecases.lifecycle.sweep import Sweep
from logleap.usecases.training.run_training import RunTraining
from logleap.usecases.training.run_training.run_artifacts import RunArtifacts
from logleap.usecases.training.start_training import StartTraining

SHA_OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


class Unreliable(MemoryArtifactStore):
    """Cannot publish."""

    def publish(self, *blobs: object) -> None:
        raise Unavailable("not now")


@pytest.fixture
def saving(artifacts: MemoryArtifactStore) -> RunArtifacts:
    return RunArtifacts(artifacts, "d", "r", 1000, compress_zstd)


@pytest.fixture
def dataset_id(uploaded: Callable[[], Dataset]) -> str:
    return uploaded().dataset_id


@pytest.fixture
def show(start: StartTraining, artifacts: MemoryArtifactStore) -> ShowArtifacts:
    return ShowArtifacts(start.datasets, start.runs, artifacts)


@pytest.fixture
def carried_out(
    start: StartTraining, run_training: RunTraining, with_task: Callable[..., RunTraining]
) -> Callable[..., Run]:
    """A run of alice's, by a task that saves these artifacts and then does as told."""

    def call(
        dataset_id: str,
        saved: dict[str, bytes],
        then: Callable[[TrainingContext], JsonObject] = lambda context: {},
        training: RunTraining = run_training,
    ) -> Run:
        def task(context: TrainingContext) -> JsonObject:
            for name, content in saved.items():
                context.artifacts.save(name, "text/plain", content)
            return then(context)

        run = start("alice", dataset_id)
        with_task(training, task)(TrainingMessage.of(run).to_bytes())
        stored = start.runs.get(dataset_id, run.run_id)
        assert stored is not None
        return stored

    return call


def bytes_of(
    store: MemoryArtifactStore, artifact: Artifact, dataset_id: str = "d", run_id: str = "r"
) -> bytes:
    return store.open(Blob(dataset_id, run_id, artifact.blob)).read()


# ---- saving ------------------------------------------------------------------------------------------------


def test_an_artifact_is_described_by_its_plain_bytes(
    saving: RunArtifacts, artifacts: MemoryArtifactStore
) -> None:
    saving.save("a.txt", "text/plain; charset=utf-8", [b"a", b"bc"])
    saving.save("b.json", "application/json", b"abc", compress=True)
    plain, compressed = saving.saved["a.txt"], saving.saved["b.json"]
    assert (plain.size, plain.sha256, plain.coding) == (3, SHA_OF_ABC, None)
    assert (compressed.size, compressed.sha256, compressed.coding) == (3, SHA_OF_ABC, "zstd")
    assert bytes_of(artifacts, plain) == b"abc"
    assert b"".join(unzstd([bytes_of(artifacts, compressed)])) == b"abc"


@pytest.mark.parametrize("name", ["", ".", "../x", "a/b", "-rf", ".hidden", "a b", "é", "x" * 129, "a\n"])
def test_a_name_that_could_be_a_path_or_an_option_is_refused(saving: RunArtifacts, name: str) -> None:
    with pytest.raises(InvalidArtifact, match=r"artifact's name .* is not 1 to 128 letters, digits"):
        saving.save(name, "text/plain", b"")
    assert saving.saved == {}


@pytest.mark.parametrize("media_type", ["", "text", "text/", "text/plain\r\nX: y", "a/b; c=d; e=f", "text/é"])
def test_a_media_type_that_is_none_is_refused(saving: RunArtifacts, media_type: str) -> None:
    with pytest.raises(InvalidArtifact, match=r"media_type .* is not a media type such as text/csv"):
        saving.save("x", media_type, b"")


def test_the_artifacts_of_a_run_have_so_many_bytes_together_at_most(saving: RunArtifacts) -> None:
    saving.save("a", "text/plain", b"x" * 600)
    saving.save("b", "text/plain", b"x" * 400)
    with pytest.raises(ArtifactsTooLarge, match="more than 1000 bytes together"):
        saving.save("c", "text/plain", b"x")
    with pytest.raises(ArtifactsTooLarge):  # before compression
        saving.save("b", "text/plain", b"x" * 401, compress=True)
    saving.save("a", "text/plain", b"y" * 600)  # replaces the one that was there
    assert sum(artifact.size for artifact in saving.saved.values()) == 1000


def test_what_is_too_large_is_not_read_to_its_end(saving: RunArtifacts) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 100

    with pytest.raises(ArtifactsTooLarge):
        saving.save("a", "text/plain", endless())


def test_a_run_has_so_many_artifacts_at_most(saving: RunArtifacts) -> None:
    for number in range(MAX_ARTIFACTS):
        saving.save(f"a{number}", "text/plain", b"")
    saving.save("a0", "text/plain", b"again")
    with pytest.raises(InvalidArtifact, match="one of the 100 artifacts"):
        saving.save("another", "text/plain", b"")


# ---- becoming a run's --------------------------------------------------------------------------------------


def test_artifacts_are_the_runs_once_it_has_succeeded(
    carried_out: Callable[..., Run], dataset_id: str, artifacts: MemoryArtifactStore
) -> None:
    def look(context: TrainingContext) -> JsonObject:
        assert [blob.run_id for blob in artifacts.staged()] == [context.run_id] * 2
        return {"done": True}

    run = carried_out(dataset_id, {"b.txt": b"bb", "a.txt": b"a"}, look)
    assert [(each.name, each.size) for each in run.artifacts] == [("b.txt", 2), ("a.txt", 1)]
    assert list(artifacts.staged()) == []


@pytest.mark.parametrize(
    ("saved", "code"),
    [
        ({"a/b": b""}, "ARTIFACT_INVALID"),
        ({"a": b"x" * 2000}, "ARTIFACTS_TOO_LARGE"),
    ],
)
def test_a_task_that_saves_what_cannot_be_fails_with_the_reason(
    carried_out: Callable[..., Run], dataset_id: str, saved: dict[str, bytes], code: str
) -> None:
    run = carried_out(dataset_id, saved)
    assert run.error is not None
    assert (run.state, run.error.code, run.artifacts) == (RunState.FAILED, code, ())


def test_what_a_failed_run_has_saved_is_swept_away(
    carried_out: Callable[..., Run],
    dataset_id: str,
    sweep: Sweep,
    artifacts: MemoryArtifactStore,
    show: ShowArtifacts,
) -> None:
    def fail(context: TrainingContext) -> JsonObject:
        raise ValueError("no")

    run = carried_out(dataset_id, {"a": b"a", "b": b"b"}, fail)
    assert (run.state, run.artifacts) == (RunState.FAILED, ())
    assert show.list("alice", dataset_id, run.run_id) == ArtifactsOfRun(run.run_id, [])
    assert sweep().artifacts == 2
    assert artifacts._blobs == {}


def test_only_what_the_attempt_that_succeeded_saved_is_kept(
    carried_out: Callable[..., Run], dataset_id: str, sweep: Sweep, artifacts: MemoryArtifactStore
) -> None:
    def try_again(context: TrainingContext) -> JsonObject:
        raise TryAgain("later")

    first = carried_out(dataset_id, {"a": b"first"}, try_again)
    assert first.state is RunState.QUEUED
    assert sweep().artifacts == 0  # the run goes on
    assert len(list(artifacts.staged())) == 1
    run = carried_out(dataset_id, {"a": b"second"})
    assert run.run_id == first.run_id
    assert sweep().artifacts == 1
    assert bytes_of(artifacts, run.artifacts[0], dataset_id, run.run_id) == b"second"
    assert len(artifacts._blobs) == 1


def test_what_could_not_be_published_can_be_read_and_is_published_by_the_sweep(
    carried_out: Callable[..., Run],
    dataset_id: str,
    sweep: Sweep,
    run_training: RunTraining,
    artifacts: MemoryArtifactStore,
) -> None:
    unreliable = Unreliable()
    unreliable._blobs, unreliable._staged = artifacts._blobs, artifacts._staged
    run = carried_out(dataset_id, {"a": b"a"}, training=replace(run_training, artifacts=unreliable))
    assert run.state is RunState.SUCCEEDED
    assert bytes_of(artifacts, run.artifacts[0], dataset_id, run.run_id) == b"a"
    assert len(list(artifacts.staged())) == 1
    assert sweep().artifacts == 1
    assert list(artifacts.staged()) == []
    assert bytes_of(artifacts, run.artifacts[0], dataset_id, run.run_id) == b"a"


def test_what_is_written_after_the_run_is_gone_is_swept_away(
    sweep: Sweep, artifacts: MemoryArtifactStore
) -> None:
    artifacts.write("a-deleted-data-set", "a-run", [b"late"])
    assert sweep().artifacts == 1
    assert artifacts._blobs == {}


def test_a_deleted_data_set_leaves_no_artifacts(
    carried_out: Callable[..., Run],
    dataset_id: str,
    delete_dataset: DeleteDataset,
    artifacts: MemoryArtifactStore,
) -> None:
    carried_out(dataset_id, {"a": b"a"})
    delete_dataset("alice", dataset_id)
    assert artifacts._blobs == {}


# ---- looking at them ---------------------------------------------------------------------------------------


def test_the_latest_succeeded_run_that_saved_any_is_shown(
    carried_out: Callable[..., Run], dataset_id: str, show: ShowArtifacts
) -> None:
    assert show.list("alice", dataset_id) == ArtifactsOfRun(None, ())
    carried_out(dataset_id, {})
    assert show.list("alice", dataset_id) == ArtifactsOfRun(None, ())
    old = carried_out(dataset_id, {"a": b"old"})
    latest = carried_out(dataset_id, {"b": b"b", "a": b"a"})
    without = carried_out(dataset_id, {})
    shown = show.list("alice", dataset_id)
    assert (shown.run_id, [each.name for each in shown.artifacts]) == (latest.run_id, ["a", "b"])
    assert show.list("alice", dataset_id, old.run_id).artifacts == list(old.artifacts)
    assert show.list("alice", dataset_id, without.run_id).artifacts == []
    with pytest.raises(RunNotFound):
        show.list("alice", dataset_id, "another")
    with pytest.raises(DatasetNotFound):
        show.list("bob", dataset_id)


def test_an_artifact_is_found_by_its_name_and_read(
    carried_out: Callable[..., Run],
    uploaded: Callable[[], Dataset],
    show: ShowArtifacts,
    delete_dataset: DeleteDataset,
    artifacts: MemoryArtifactStore,
) -> None:
    dataset_id = uploaded().dataset_id
    with pytest.raises(ArtifactNotFound, match="has no artifact 'a'"):
        show.find("alice", dataset_id, "a")
    old = carried_out(dataset_id, {"a": b"old"})
    carried_out(dataset_id, {"a": b"newer", "c": b""})
    assert show.open("alice", show.find("alice", dataset_id, "a")).read() == b"newer"
    found = show.find("alice", dataset_id, "a", old.run_id)
    assert show.open("alice", found, 1, 2).read() == b"ld"
    with pytest.raises(ArtifactNotFound) as refused:
        show.find("alice", dataset_id, "b")
    assert refused.value.there == ["a", "c"]
    artifacts.remove_all(dataset_id)
    with pytest.raises(ArtifactMissing):  # something is wrong
        show.open("alice", found)
    delete_dataset("alice", dataset_id)
    with pytest.raises(DatasetNotFound):  # it is not: the data set went
        show.open("alice", found)
