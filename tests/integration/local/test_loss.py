"""A database that lacks what was committed is noticed when it is opened, said so, and left as it is."""

import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from logleap.adapters.local.sqlite.database import FILE_NAME, Database, StorageUnusable
from logleap.adapters.local.sqlite.marker import NO_COMMIT, LastCommit, marker_of
from logleap.ports.errors import Conflict

LOG = f"{FILE_NAME}-wal"
MARKER = f"{FILE_NAME}-last"


def refusal(folder: Path) -> str:
    with pytest.raises(StorageUnusable) as refused:
        Database(folder)
    text = str(refused.value)
    assert "\n" not in text
    return text


@pytest.fixture
def killed(
    tmp_path: Path, open_local: Callable[[Path], Any], start_process: Callable[..., "subprocess.Popen[str]"]
) -> tuple[Path, Any, int]:
    """A folder as SIGKILL left it: where it is, its data set, and the acknowledged entries."""
    folder = tmp_path / "data"
    local = open_local(folder)
    dataset = local.announce()
    local.database.close()
    uploader = start_process("uploader.py", folder, dataset.owner, dataset.dataset_id, "small", 1)
    assert uploader.stdout is not None
    acknowledged = [int(uploader.stdout.readline().split()[1]) for _ in range(40)]
    uploader.send_signal(signal.SIGKILL)
    uploader.wait()
    acknowledged += [int(line.split()[1]) for line in uploader.stdout if line.endswith("\n")]
    return folder, dataset, sum(acknowledged)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != f"{FILE_NAME}-shm"}


def marked(folder: Path) -> LastCommit:
    commit = marker_of(folder / FILE_NAME).read()
    assert commit is not None
    return commit


def test_a_database_ahead_of_the_marker_lacks_nothing(open_local: Any, killed: Any) -> None:
    folder, dataset, acknowledged = killed
    last = marked(folder)
    local = open_local(folder)
    earlier = [dataset.dataset_id, next(iter(local.ledger.manifest(dataset.dataset_id).batches))]
    assert local.count(dataset) >= acknowledged
    local.database.close()
    for commit in (NO_COMMIT, LastCommit(last.number, last.at), LastCommit(last.number, last.at, *earlier)):
        marker = marker_of(folder / FILE_NAME)
        marker.make(commit)
        marker.close()
        assert open_local(folder).count(dataset) >= acknowledged


def remove(log: Path) -> None:
    log.unlink()


def cut_within(log: Path) -> None:
    os.truncate(log, log.stat().st_size // 2)


def cut_the_end(log: Path) -> None:
    os.truncate(log, log.stat().st_size - 100_000)  # more than one commit, which may not have been finished


def empty(log: Path) -> None:
    os.truncate(log, 0)


def flip_a_bit(log: Path) -> None:
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 1
    log.write_bytes(content)


def take_an_older_one(log: Path) -> None:
    header = bytearray(log.read_bytes())
    header[16:24] = bytes(8)  # its salts, without which no frame is valid
    log.write_bytes(header)


HARM = [remove, cut_within, cut_the_end, empty, flip_a_bit, take_an_older_one]


@pytest.mark.parametrize("harm", HARM)
def test_a_log_that_is_missing_or_damaged_refuses_the_start_and_stays(
    open_local: Any, killed: Any, harm: Callable[[Path], None]
) -> None:
    folder, dataset, acknowledged = killed
    whole = folder.with_name("whole")
    shutil.copytree(folder, whole)
    harm(folder / LOG)
    before = contents(folder)
    for _ in range(2):
        text = refusal(folder)
        assert f"{LOG} is missing, cut or damaged" in text
        assert f"the batch that was uploaded to data set {dataset.dataset_id} at" in text
        assert "accept the loss" in text
    assert contents(folder) | {LOG: b""} == before | {LOG: b""}
    assert (folder / LOG).read_bytes() == before.get(LOG, b"")
    shutil.copy(whole / LOG, folder / LOG)
    assert open_local(folder).count(dataset) >= acknowledged


def test_accepting_the_loss_goes_on_with_what_is_there(
    open_local: Any, killed: Any, caplog: pytest.LogCaptureFixture
) -> None:
    folder, dataset, _ = killed
    cut_within(folder / LOG)
    with caplog.at_level(logging.WARNING):
        Database(folder, accept_loss=True).close()
    assert "lacks what was stored after that" in caplog.text
    local = open_local(folder)
    assert 0 < local.count(dataset) == local.ledger.totals(dataset.dataset_id).entries


def test_the_file_alone_without_its_log_and_marker_is_not_taken_for_all(killed: Any, tmp_path: Path) -> None:
    folder, _, _ = killed
    (tmp_path / "copy").mkdir()
    shutil.copy(folder / FILE_NAME, tmp_path / "copy")
    assert f"{MARKER}, which names the last one, is missing" in refusal(tmp_path / "copy")


def test_a_file_that_is_missing_beside_its_marker_is_not_made_anew(killed: Any) -> None:
    folder, _, _ = killed
    kept = (folder / FILE_NAME).rename(folder / "elsewhere")
    assert "is missing or empty" in refusal(folder)
    assert not (folder / FILE_NAME).exists()
    (folder / FILE_NAME).touch()
    assert "is missing or empty" in refusal(folder)
    kept.replace(folder / FILE_NAME)
    Database(folder).close()


@pytest.mark.parametrize("content", [b"", b"commit 1", b"\0" * 64])
def test_a_marker_that_cannot_be_read_refuses_the_start(
    open_local: Any, tmp_path: Path, content: bytes
) -> None:
    open_local(tmp_path).database.close()
    (tmp_path / MARKER).write_bytes(content)
    assert f"{MARKER}, which names the last one, is missing or damaged" in refusal(tmp_path)
    Database(tmp_path, accept_loss=True).close()
    Database(tmp_path).close()


def test_a_marker_that_was_changed_is_not_believed(open_local: Any, tmp_path: Path) -> None:
    open_local(tmp_path).database.close()
    line = (tmp_path / MARKER).read_bytes()
    (tmp_path / MARKER).write_bytes(line.replace(b"[1,", b"[9,"))
    assert marker_of(tmp_path / FILE_NAME).read() is None


def test_a_short_marker_written_over_a_long_one_is_read(local: Any, tmp_path: Path, lines: Any) -> None:
    dataset = local.announce()
    local.upload(dataset, lines(1))
    long = marked(tmp_path)
    assert long.dataset_id == dataset.dataset_id
    local.queue.publish(b"message")
    assert (marked(tmp_path).dataset_id, marked(tmp_path).number) == (None, long.number + 1)


def test_uploads_and_other_changes_that_share_a_commit_are_counted(
    local: Any, tmp_path: Path, lines: Any
) -> None:
    dataset = local.announce()
    writer = local.database._connections._writer
    for together in ([local.upload, local.queue.publish], [local.queue.publish, local.upload]):
        before = marked(tmp_path).number
        arguments = [(dataset, lines(1)) if call == local.upload else (b"message",) for call in together]
        with ThreadPoolExecutor() as threads:
            with local.database.writing() as connection:
                connection.execute("SELECT 1")
                calls = zip(together, arguments, strict=True)
                waiting = [threads.submit(call, *given) for call, given in calls]
                while writer._waiting < 2:
                    time.sleep(0.001)
            for future in waiting:
                future.result()
        assert marked(tmp_path).number == before + 1


def test_an_upload_that_is_refused_does_not_change_the_marker(local: Any, tmp_path: Path, lines: Any) -> None:
    dataset = local.announce()
    local.upload(dataset, lines(1))
    first = marked(tmp_path)
    receipt = local.ledger.find(dataset.dataset_id, first.key)
    with pytest.raises(Conflict):
        local.ledger.add(replace(receipt, key="another", batch_id="another"), dataset_version=9)
    assert marked(tmp_path) == first


def test_a_clean_end_leaves_nothing_to_miss(open_local: Any, tmp_path: Path, lines: Any) -> None:
    local = open_local(tmp_path)
    dataset = local.announce()
    local.upload(dataset, lines(3))
    local.database.close()
    assert not (tmp_path / LOG).exists()
    assert open_local(tmp_path).count(dataset) == 3


def test_a_marker_that_cannot_be_written_fails_no_upload(
    local: Any, tmp_path: Path, lines: Any, caplog: pytest.LogCaptureFixture
) -> None:
    dataset = local.announce()
    local.database._marker.close()
    (tmp_path / MARKER).unlink()
    (tmp_path / MARKER).mkdir()
    with caplog.at_level(logging.WARNING):
        local.upload(dataset, lines(3))
        local.upload(dataset, lines(4))
    assert local.count(dataset) == 7
    assert caplog.text.count("the loss of a write-ahead log may go unnoticed") == 1


def test_a_database_from_before_commits_were_counted_is_opened(
    open_local: Any, tmp_path: Path, bring_back: Any
) -> None:
    local = open_local(tmp_path)
    dataset = local.announce()
    local.database.close()
    bring_back(tmp_path / FILE_NAME, 4)
    (tmp_path / MARKER).unlink()
    again = open_local(tmp_path)
    assert again.datasets.get("owner", dataset.dataset_id) == dataset
    again.database.close()
    (tmp_path / MARKER).unlink()
    assert MARKER in refusal(tmp_path)
