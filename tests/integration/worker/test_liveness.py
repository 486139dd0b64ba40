"""The file by which a container's health check knows that the worker gets on."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from logleap.container import Container, build_container
from logleap.domain.entries import Entry
from logleap.entrypoints.worker.liveness import LivenessFile
from logleap.entrypoints.worker.worker import make_worker
from logleap.ports.task import TrainingContext
from logleap.settings import Settings, SettingsError

LONG_AGO = 1_000_000.0


class Source:
    """An entry as it would come from a request."""

    sha256 = "0" * 64

    def __iter__(self) -> Iterator[Sequence[Entry]]:
        yield [Entry(datetime(2026, 3, 2, tzinfo=UTC), "entry")]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "alive"


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_touched_again(file: Path) -> bool:
    """Whether somebody touches the file after now."""
    os.utime(file, (LONG_AGO, LONG_AGO))
    until(lambda: file.stat().st_mtime > LONG_AGO)
    return True


def beating(file: Path, work: Callable[[Container], Any]) -> None:
    """Do `work` while a worker runs that touches `file`."""
    container = build_container(Settings(backend="memory", heartbeat_file=file))
    stop = threading.Event()
    worker = threading.Thread(target=make_worker(container).run, args=(stop,))
    worker.start()
    try:
        work(container)
    finally:
        stop.set()
        worker.join(20)


def test_an_idle_worker_touches_the_file(file: Path) -> None:
    beating(file, lambda container: is_touched_again(file))


def test_a_worker_touches_the_file_while_a_task_works(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = threading.Event()

    def task(context: TrainingContext) -> dict[str, Any]:
        assert is_touched_again(file)
        assert is_touched_again(file)
        seen.set()
        return {}

    def train(container: Container) -> None:
        monkeypatch.setitem(container.tasks(), "count-entries", task)
        data_id = container.announce_dataset()("anna", None, {}).dataset_id
        container.append_entries()("anna", data_id, Source())
        container.start_training()("anna", data_id)
        assert seen.wait(30)

    beating(file, train)


def test_the_file_is_there_from_the_start(file: Path) -> None:
    LivenessFile(file)
    assert file.exists()


def test_a_file_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"LOGLEAP_HEARTBEAT_FILE is .*missing/alive"):
        LivenessFile(tmp_path / "missing" / "alive")


def test_a_file_that_cannot_be_written_later_does_not_stop_the_worker(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()

    def lose(container: Container) -> None:
        (folder / "alive").unlink()
        folder.rmdir()
        time.sleep(1.5)  # longer than a beat
        data_id = container.announce_dataset()("anna", None, {}).dataset_id
        container.append_entries()("anna", data_id, Source())
        run = container.start_training()("anna", data_id)
        until(lambda: container.show_training()("anna", data_id).finished)
        assert container.show_training()("anna", data_id).run_id == run.run_id

    beating(folder / "alive", lose)
