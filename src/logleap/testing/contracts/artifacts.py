"""What every ArtifactStore promises."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from logleap.ports.artifacts import ArtifactMissing, ArtifactStore, Blob

Race = Callable[..., list[Any]]


@pytest.fixture
def dataset_id() -> str:
    """Of this test's own."""
    return str(uuid4())


@pytest.fixture
def write(artifacts: ArtifactStore, dataset_id: str) -> Callable[..., Blob]:
    """Stages a blob of these chunks, of a run of its own unless one is given."""

    def call(*chunks: bytes, run_id: str | None = None) -> Blob:
        run_id = run_id or str(uuid4())
        return Blob(dataset_id, run_id, artifacts.write(dataset_id, run_id, iter(chunks)))

    return call


def content(artifacts: ArtifactStore, blob: Blob, start: int = 0, length: int | None = None) -> bytes:
    with artifacts.open(blob, start, length) as file:
        return file.read()


def staged(artifacts: ArtifactStore, dataset_id: str) -> list[Blob]:
    return [blob for blob in artifacts.staged() if blob.dataset_id == dataset_id]


def test_a_blob_is_read_as_it_was_written_staged_or_published(
    artifacts: ArtifactStore, write: Callable[..., Blob], dataset_id: str
) -> None:
    blob = write(b"one,", b"", b"two")
    assert content(artifacts, blob) == b"one,two"
    assert staged(artifacts, dataset_id) == [blob]
    for _ in range(2):
        artifacts.publish(dataset_id, blob.run_id, [blob.blob])
        assert content(artifacts, blob) == b"one,two"
        assert staged(artifacts, dataset_id) == []


def test_an_empty_blob_can_be_kept(artifacts: ArtifactStore, write: Callable[..., Blob]) -> None:
    assert content(artifacts, write()) == b""


@pytest.mark.parametrize(
    ("start", "length", "part"),
    [(0, 4, b"0123"), (3, None, b"3456789"), (8, 5, b"89"), (9, 1, b"9"), (4, 0, b"")],
)
def test_a_part_of_a_blob_can_be_read(
    artifacts: ArtifactStore, write: Callable[..., Blob], start: int, length: int | None, part: bytes
) -> None:
    blob = write(b"01234", b"56789")
    assert content(artifacts, blob, start, length) == part


def test_what_is_read_can_be_sought_in(artifacts: ArtifactStore, write: Callable[..., Blob]) -> None:
    with artifacts.open(write(b"0123456789"), 2, 6) as file:
        assert file.seek(0, 2) == 6
        assert file.seek(1) == 1
        assert file.read(2) == b"34"
        assert file.seek(-1, 1) == 2
        assert (file.read(), file.tell()) == (b"4567", 6)


def test_a_large_blob_is_written_and_read_in_parts(artifacts: ArtifactStore, dataset_id: str) -> None:
    piece = bytes(range(256)) * 1024
    blob = Blob(dataset_id, "run", artifacts.write(dataset_id, "run", (piece for _ in range(40))))
    artifacts.publish(dataset_id, "run", [blob.blob])
    with artifacts.open(blob) as file:
        assert [file.read(len(piece)) == piece for _ in range(40)] == [True] * 40
        assert file.read() == b""


def test_a_blob_whose_chunks_break_off_has_no_id(artifacts: ArtifactStore, dataset_id: str) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"some"
        raise LookupError("no more")

    with pytest.raises(LookupError):
        artifacts.write(dataset_id, "run", chunks())
    for part in staged(artifacts, dataset_id):  # it may be there, and can be removed
        artifacts.discard(part)
    assert staged(artifacts, dataset_id) == []


def test_a_discarded_blob_is_gone_and_a_published_one_stays(
    artifacts: ArtifactStore, write: Callable[..., Blob], dataset_id: str
) -> None:
    kept, gone = write(b"kept", run_id="run"), write(b"gone", run_id="run")
    artifacts.publish(dataset_id, "run", [kept.blob, "never-written"])
    for _ in range(2):
        artifacts.discard(kept)
        artifacts.discard(gone)
    assert content(artifacts, kept) == b"kept"
    with pytest.raises(ArtifactMissing, match=gone.blob):
        artifacts.open(gone)


def test_what_is_being_read_stays_readable_after_its_removal(
    artifacts: ArtifactStore, write: Callable[..., Blob], dataset_id: str
) -> None:
    with artifacts.open(write(b"still there")) as file:
        artifacts.remove_all(dataset_id)
        assert file.read() == b"still there"


def test_all_blobs_of_a_data_set_are_removed_and_no_others(
    artifacts: ArtifactStore, write: Callable[..., Blob], dataset_id: str
) -> None:
    blobs = [write(b"a"), write(b"b")]
    artifacts.publish(dataset_id, blobs[0].run_id, [blobs[0].blob])
    other = Blob(str(uuid4()), "run", "")
    other = other._replace(blob=artifacts.write(other.dataset_id, "run", [b"other"]))
    for _ in range(2):
        artifacts.remove_all(dataset_id)
    for blob in blobs:
        with pytest.raises(ArtifactMissing):
            artifacts.open(blob)
    assert staged(artifacts, dataset_id) == []
    assert content(artifacts, other) == b"other"


def test_a_blob_of_another_run_or_data_set_is_missing(
    artifacts: ArtifactStore, write: Callable[..., Blob], dataset_id: str
) -> None:
    blob = write(b"mine", run_id="run")
    for other in (blob._replace(run_id="run-2"), blob._replace(dataset_id="x"), blob._replace(blob="..")):
        with pytest.raises(ArtifactMissing):
            artifacts.open(other)


def test_a_blob_may_be_published_twice_at_the_same_moment(
    artifacts: ArtifactStore, write: Callable[..., Blob], dataset_id: str, race: Race
) -> None:
    blob = write(b"contended")
    outcomes = race(
        lambda: artifacts.publish(dataset_id, blob.run_id, [blob.blob]),
        lambda: artifacts.publish(dataset_id, blob.run_id, [blob.blob]),
        lambda: staged(artifacts, dataset_id),
    )
    assert outcomes[:2] == [None, None]
    assert content(artifacts, blob) == b"contended"
    assert staged(artifacts, dataset_id) == []
