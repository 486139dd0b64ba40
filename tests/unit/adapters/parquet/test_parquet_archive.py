"""What the contract suite does not show of archives: their files, damage, faults of the disk, buckets."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pyarrow.parquet as pq
import pytest
from google.cloud.storage import Client

from logleap.adapters.gcp.archive import GcpArchiveStore
from logleap.adapters.gcp.google.clients import storage_client
from logleap.adapters.local.archive import LocalArchiveStore
from logleap.adapters.parquet import files
from logleap.adapters.parquet.archive import ParquetArchiveStore
from logleap.adapters.parquet.locations import ArchiveUrlNotSupported
from logleap.domain.datasets import Archive
from logleap.domain.entries import Entry, Manifest, PackedEntries, PlacedEntries, Row
from logleap.ports.archive import ArchiveDamaged
from logleap.ports.errors import CountMismatch, Unavailable

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
MANIFEST = Manifest("a-data-set", {"one": 2, "two": 1})


def some_rows(text: str = "line") -> Iterator[Row]:
    for batch_id, number in MANIFEST.batches.items():
        for sequence in range(number):
            yield Row(batch_id, sequence, Entry(NOON + timedelta(seconds=sequence), text, None))


def path_of(archive: Archive) -> Path:
    return Path(url2pathname(urlsplit(archive.url).path))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive of logs" / "ü"


@pytest.fixture
def archives(folder: Path) -> ParquetArchiveStore:
    return LocalArchiveStore(folder.as_uri())


# ---- the files ---------------------------------------------------------------------------------------------


def test_an_archive_is_a_parquet_file_with_a_json_file_beside_it(
    archives: ParquetArchiveStore, folder: Path
) -> None:
    archive = archives.write(MANIFEST, PlacedEntries.in_blocks(some_rows()))
    path = path_of(archive)
    assert sorted(folder.iterdir()) == [path.with_suffix(".json"), path]
    assert pq.read_table(path).to_pylist()[0] == {
        "batchId": "one",
        "sequence": 0,
        "timestamp": NOON,
        "content": "line",
        "context": None,
    }
    notes = json.loads(path.with_suffix(".json").read_text("utf-8"))
    assert datetime.fromisoformat(notes.pop("createdAt")) <= datetime.now(UTC)
    assert notes == {
        "dataId": "a-data-set",
        "entries": 3,
        "batches": {"one": 2, "two": 1},
        "sha256": archive.sha256,
        "columns": {
            "batchId": "string",
            "sequence": "int64",
            "timestamp": "timestamp[us, tz=UTC]",
            "content": "string",
            "context": "string",
        },
    }


def test_rows_are_written_in_groups_of_bounded_size(
    archives: ParquetArchiveStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_GROUP_ROWS", 1_000)
    monkeypatch.setattr(files, "_GROUP_TEXT", 5_000)
    rows = [Row("batch", number, Entry(NOON, "x" * (1 + number // 100))) for number in range(3_000)]
    archive = archives.write(Manifest("data", {"batch": 3_000}), PlacedEntries.in_blocks(rows))
    file = pq.ParquetFile(path_of(archive))
    groups = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    file.close()
    assert max(groups) <= 1_000
    assert min(groups[:-1]) < 200
    assert list(archives.read(archive)) == rows


def test_an_archive_of_no_entries_can_be_read(archives: ParquetArchiveStore) -> None:
    archive = archives.write(Manifest("data", {}), ())
    assert archive.entries == archives.count(archive) == 0
    assert list(archives.read(archive)) == []


@pytest.mark.parametrize("dataset_id", ["../../etc/passwd", "..", "a/b", "ü?#%2F", "x" * 300])
def test_no_id_leads_out_of_the_folder(archives: ParquetArchiveStore, folder: Path, dataset_id: str) -> None:
    archive = archives.write(Manifest(dataset_id, MANIFEST.batches), PlacedEntries.in_blocks(some_rows()))
    assert path_of(archive).parent == folder
    assert archives.count(archive) == 3
    archives.remove_all(dataset_id)
    assert list(folder.iterdir()) == []


def test_what_a_killed_writer_left_behind_goes_with_all_archives(
    archives: ParquetArchiveStore, folder: Path
) -> None:
    """SIGKILL in the middle of writing leaves a folder with rows in it."""
    program = (
        "import os, signal\n"
        "from logleap.adapters.local.archive import LocalArchiveStore\n"
        "from logleap.domain.entries import Manifest\n"
        "def rows():\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "    yield\n"
        f"LocalArchiveStore({folder.as_uri()!r}).write(Manifest('data', {{}}), rows())\n"
    )
    archives.write(Manifest("another", MANIFEST.batches), PlacedEntries.in_blocks(some_rows()))
    before = set(folder.iterdir())
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == -9
    assert set(folder.iterdir()) > before
    archives.remove_all("data")
    assert set(folder.iterdir()) == before


def test_archives_of_another_folder_stay_readable(archives: ParquetArchiveStore, tmp_path: Path) -> None:
    archive = archives.write(MANIFEST, PlacedEntries.in_blocks(some_rows()))
    elsewhere = LocalArchiveStore((tmp_path / "elsewhere").as_uri())
    assert list(elsewhere.read(archive)) == list(some_rows())


def test_an_archive_that_is_removed_while_it_is_read_is_read_to_the_end(
    archives: ParquetArchiveStore,
) -> None:
    rows = [Row("batch", number, Entry(NOON, f"line {number}")) for number in range(5_000)]
    archive = archives.write(Manifest("data", {"batch": 5_000}), PlacedEntries.in_blocks(rows))
    reading = archives.read(archive)
    read = list(islice(reading, 10))
    archives.remove(archive)
    assert read + list(reading) == rows


def test_a_folder_needs_no_library_of_google(folder: Path) -> None:
    program = (
        "import sys; from logleap.adapters.local.archive import LocalArchiveStore; "
        f"LocalArchiveStore({folder.as_uri()!r}); "
        "sys.exit(not {'google.api_core', 'google.auth', 'grpc', 'requests'}.isdisjoint(sys.modules))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("url", ["gs://bucket", "file://host/folder", "s3://bucket", "/folder", ""])
def test_a_url_that_a_backend_does_not_archive_to_is_refused_with_those_it_takes(url: str) -> None:
    with pytest.raises(ArchiveUrlNotSupported, match="'local' archives to file:///folder"):
        LocalArchiveStore(url)
    if not url.startswith("gs:"):
        with pytest.raises(ArchiveUrlNotSupported, match="'gcp' archives to gs://bucket/prefix or file:///"):
            GcpArchiveStore(url, lambda: storage_client("project"))


def test_the_distributed_backend_archives_to_a_folder_too(folder: Path) -> None:
    archives = GcpArchiveStore(folder.as_uri(), lambda: pytest.fail("no bucket is needed"))
    archive = archives.write(MANIFEST, PlacedEntries.in_blocks(some_rows()))
    assert path_of(archive).parent == folder
    assert list(archives.read(archive)) == list(some_rows())


# ---- damage ------------------------------------------------------------------------------------------------


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a bit": flip_a_bit,
    "the end is missing": lambda path: os.truncate(path, path.stat().st_size - 10),
    "empty": lambda path: path.write_bytes(b""),
    "more behind": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "gone": Path.unlink,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_noticed_before_the_first_row(archives: ParquetArchiveStore, damage: str) -> None:
    archive = archives.write(MANIFEST, PlacedEntries.in_blocks(some_rows()))
    DAMAGE[damage](path_of(archive))
    with pytest.raises(ArchiveDamaged, match=archive.url):
        archives.count(archive)
    with pytest.raises(ArchiveDamaged, match=archive.url):
        next(archives.read(archive))


def test_a_folder_that_cannot_be_written_to_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    archives = LocalArchiveStore((tmp_path / "file" / "archive").as_uri())
    with pytest.raises(Unavailable, match="Not a directory"):
        archives.write(MANIFEST, PlacedEntries.in_blocks(some_rows()))


# ---- buckets -----------------------------------------------------------------------------------------------


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """An emulator of Cloud Storage with the bucket `logs`, on the network though in this process."""
    server = pytest.importorskip("gcp_storage_emulator.server")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    with (
        server.create_server("127.0.0.1", port, in_memory=True, default_bucket="logs"),
        closing(storage_client("project")) as client,
    ):
        yield client


def names(bucket: Client) -> set[str]:
    return {blob.name for blob in bucket.list_blobs("logs")}


def test_an_archive_in_a_bucket_is_written_read_and_removed(bucket: Client) -> None:
    archives = GcpArchiveStore("gs://logs/year/2026", lambda: storage_client("project"))
    archive = archives.write(MANIFEST, PlacedEntries.in_blocks(some_rows()))
    key = archive.url.removeprefix("gs://logs/")
    assert key.startswith("year/2026/a-data-set-")
    assert names(bucket) == {key, key.replace(".parquet", ".json")}
    assert archives.count(archive) == 3
    assert list(archives.read(archive)) == list(some_rows())
    for _ in range(2):
        archives.remove(archive)
        assert names(bucket) == set()
        with pytest.raises(ArchiveDamaged, match="there is no archive"):
            archives.count(archive)


def test_an_archive_larger_than_one_request_is_sent_and_fetched_in_parts(bucket: Client) -> None:
    noise = [os.urandom(500_000).hex() for _ in range(20)]
    rows = [Row("batch", number, Entry(NOON, text)) for number, text in enumerate(noise)]
    archives = GcpArchiveStore("gs://logs", lambda: storage_client("project"))
    archive = archives.write(Manifest("data", {"batch": 20}), PlacedEntries.in_blocks(rows))
    assert bucket.bucket("logs").get_blob(archive.url.removeprefix("gs://logs/")).size > 9_000_000
    assert list(archives.read(archive)) == rows


def test_a_bucket_holds_no_archive_with_another_number_of_rows(bucket: Client) -> None:
    archives = GcpArchiveStore("gs://logs", lambda: storage_client("project"))
    with pytest.raises(CountMismatch):
        archives.write(Manifest("data", {"batch": 4}), PlacedEntries.in_blocks(some_rows()))
    assert names(bucket) == set()


def test_all_archives_of_a_data_set_go_from_the_bucket_at_once(bucket: Client) -> None:
    archives = GcpArchiveStore("gs://logs/year", lambda: storage_client("project"))
    for _ in range(2):
        archives.write(MANIFEST, PlacedEntries.in_blocks(some_rows()))
    other = archives.write(Manifest("another", MANIFEST.batches), PlacedEntries.in_blocks(some_rows()))
    archives.remove_all(MANIFEST.dataset_id)
    assert len(names(bucket)) == 2
    assert archives.count(other) == 3


def test_a_damaged_object_is_noticed(bucket: Client) -> None:
    archives = GcpArchiveStore("gs://logs", lambda: storage_client("project"))
    archive = archives.write(MANIFEST, PlacedEntries.in_blocks(some_rows()))
    bucket.bucket("logs").blob(archive.url.removeprefix("gs://logs/")).upload_from_string(b"something else")
    with pytest.raises(ArchiveDamaged, match="is damaged"):
        next(archives.read(archive))


def test_a_bucket_out_of_reach_is_reported_within_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with closing(storage_client("project")) as client:
            archives = GcpArchiveStore("gs://logs", lambda: client)
            threads, start = threading.active_count(), time.monotonic()
            with pytest.raises(Unavailable, match="Cloud Storage"):
                archives.count(Archive("gs://logs/data.parquet", 3, "0" * 64))
            assert time.monotonic() - start < 10
            assert threading.active_count() == threads


def test_texts_that_are_not_utf_8_are_not_archived_as_if_they_were(
    archives: ParquetArchiveStore, folder: Path
) -> None:
    texts = b"ab\xff"
    packed = PackedEntries(array("q", [0, 1]), texts, array("q", [1, 1 << 32 | 2]), array("q", [-1, -1]))
    with pytest.raises(Unavailable, match=r"cannot be read: .*UTF8"):
        archives.write(Manifest("data", {"batch": 2}), [PlacedEntries.of_batch("batch", 0, packed)])
    assert not [file for file in folder.rglob("*") if file.is_file()]
