"""Tasks in processes of their own, over the local backend: neither crashes nor endless tasks do harm."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from logleap.container import Container, build_container
from logleap.domain.entries import Entry
from logleap.domain.runs import Run, RunError, RunState
from logleap.entrypoints.worker.worker import make_worker
from logleap.settings import Settings, SettingsError
from logleap.task_processes import TaskProcesses

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="process groups and signals of POSIX")

OWNER = "anna"
LONG = 60.0


class Source:
    sha256 = "0" * 64

    def __iter__(self) -> Iterator[Sequence[Entry]]:
        yield [Entry(datetime(2026, 3, 2, tzinfo=UTC), f"entry {number}") for number in range(3)]


@dataclass
class Site:
    container: Container
    folder: Path
    stop: threading.Event
    worker: threading.Thread

    def start(self, does: str, *, time_limit: timedelta | None = None, **parameters: Any) -> Run:
        data_id = self.container.announce_dataset()(OWNER, None, {}).dataset_id
        self.container.append_entries()(OWNER, data_id, Source())
        given = {"does": does, "folder": str(self.folder), **parameters}
        run: Run = self.container.start_training()(OWNER, data_id, parameters=given, time_limit=time_limit)
        return run

    def now(self, run: Run) -> Run:
        shown: Run = self.container.show_training()(OWNER, run.dataset_id)
        return shown

    def ended(self, run: Run) -> Run:
        until(lambda: self.now(run).finished)
        return self.now(run)

    def ran(self, does: str, **parameters: Any) -> Run:
        return self.ended(self.start(does, **parameters))

    def pid(self, run: Run, kind: str = "pid") -> int:
        """Of the run's task, or of the child that it has started, once it has begun."""
        file = self.folder / f"{run.dataset_id}.{kind}"
        until(lambda: file.exists() and file.read_text() != "")
        return int(file.read_text())


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONG
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


OpenSite = Callable[..., Site]


@pytest.fixture
def open_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenSite]:
    """Opens an installation with a worker."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    folder = tmp_path / "seen"
    folder.mkdir()
    sites = []

    def call(**settings: Any) -> Site:
        values = {
            "backend": "local",
            "data_dir": tmp_path / "data",
            "training_task": "unruly_tasks:run",
            "sweep_interval": 0.1,
            "stop_grace": 0.2,
            **settings,
        }
        container = build_container(Settings(**values))
        stop = threading.Event()
        worker = threading.Thread(target=make_worker(container).run, args=(stop,))
        worker.start()
        sites.append(Site(container, folder, stop, worker))
        return sites[-1]

    yield call
    for site in sites:
        site.stop.set()
        site.worker.join(LONG)
        assert not site.worker.is_alive()
        site.container.backend().close()


@pytest.fixture
def site(open_site: OpenSite) -> Site:
    return open_site()


def test_a_task_reads_its_entries_in_a_process_of_its_own(site: Site) -> None:
    run = site.ran("count")
    assert run.result is not None
    assert run.result["messages"] == ["entry 0", "entry 1", "entry 2"]
    assert run.result["entries"] == 3
    assert run.result["pid"] != os.getpid()
    pid = run.result["pid"]
    until(lambda: gone(pid))


def test_what_a_task_saves_in_its_process_is_its_runs(site: Site) -> None:
    run = site.ran("save")
    assert [artifact.name for artifact in run.artifacts] == ["messages.txt", "labels.json"]
    show = site.container.show_artifacts()
    found = show.find(OWNER, run.dataset_id, "messages.txt")
    with show.open(OWNER, found) as file:
        assert file.read() == b"entry 0\nentry 1\nentry 2\n"
    until(lambda: not list(site.container.backend().artifacts.staged()))


def test_of_a_task_that_is_killed_while_it_saves_nothing_is_left(open_site: OpenSite) -> None:
    site = open_site(run_max_attempts=1)
    run = site.ran("exit while saving")
    assert (run.state, run.artifacts) == (RunState.FAILED, ())
    until(lambda: not list(site.container.backend().artifacts.staged()))
    folder = site.folder.parent / "data" / "artifacts"
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    assert (folder.stat().st_mode & 0o777, (folder / "staged").stat().st_mode & 0o777) == (0o700, 0o700)


@pytest.mark.parametrize(
    ("does", "reason"),
    [
        ("exit", "exited with code 3"),
        ("be killed", "was killed by signal 9 (perhaps the system ran out of memory)"),
    ],
)
def test_a_task_that_crashes_is_logged_and_counts_as_an_attempt(
    open_site: OpenSite, caplog: pytest.LogCaptureFixture, does: str, reason: str
) -> None:
    site = open_site(run_max_attempts=2)
    run = site.ran(does)
    said = f"the task's process {reason} without a result"
    assert run.error == RunError("ATTEMPTS_EXHAUSTED", f"Given up after 2 attempts: {said}.")
    assert caplog.text.count(f"run {run.run_id}: {said}") == 2
    assert site.ran("count").state is RunState.SUCCEEDED


def test_a_task_without_an_end_is_ended_with_all_that_it_started_when_its_time_is_over(site: Site) -> None:
    run = site.start("sleep", time_limit=timedelta(seconds=1))
    pids = site.pid(run), site.pid(run, "child")
    ended = site.ended(run)
    assert ended.error is not None
    assert (ended.error.code, ended.attempts) == ("TIME_LIMIT_EXCEEDED", 1)
    until(lambda: all(map(gone, pids)))
    assert site.ran("count").state is RunState.SUCCEEDED


def test_a_task_that_does_not_stop_is_ended_once_its_run_is_cancelled(site: Site) -> None:
    run = site.start("sleep")
    pids = site.pid(run), site.pid(run, "child")
    assert site.container.cancel_training()(OWNER, run.dataset_id).state is RunState.RUNNING
    ended = site.ended(run)
    assert ended.error is not None
    assert ended.error.code == "CANCELLED"
    until(lambda: all(map(gone, pids)))


def test_a_task_that_stops_when_its_run_is_cancelled_may_do_so_by_itself(open_site: OpenSite) -> None:
    site = open_site(stop_grace=LONG)
    run = site.start("give way")
    site.pid(run)
    site.container.cancel_training()(OWNER, run.dataset_id)
    ended = site.ended(run)
    assert ended.error is not None
    assert ended.error.code == "CANCELLED"
    assert (site.folder / f"{run.dataset_id}.gave-way").exists()


def test_a_worker_that_stops_hands_back_the_run_of_a_task_without_an_end(site: Site) -> None:
    run = site.start("sleep")
    pid = site.pid(run)
    site.stop.set()
    site.worker.join(LONG)
    assert (site.now(run).state, site.now(run).attempts) == (RunState.QUEUED, 0)
    until(lambda: gone(pid))


def test_a_module_that_cannot_be_imported_in_the_process_fails_the_run_clearly(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site.container.task_executor(), "_handover", lambda: {"UNRULY_TASKS_BROKEN": "1"})
    run = site.ran("count")
    assert run.error is not None
    assert run.error.code == "TASK_NOT_LOADABLE"
    assert "cannot import unruly_tasks: RuntimeError: the module is broken" in run.error.detail
    assert run.attempts == 1


def test_what_the_backend_hands_over_is_in_the_environment_of_the_process_alone(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site.container.task_executor(), "_handover", lambda: {"GIVEN": "a secret"})
    run = site.ran("environment")
    assert run.result == {"GIVEN": "a secret", "PYTHONSAFEPATH": None, "main thread": True}
    assert "GIVEN" not in os.environ


def test_api_keys_and_quotas_are_not_passed_on(tmp_path: Path) -> None:
    given: dict[str, Any] = {"quota_store": "redis://:secret@host", "api_keys": "k:anna:" + "0" * 64}
    settings = Settings(backend="local", data_dir=tmp_path, **given)
    executor = TaskProcesses(settings, dict)
    assert executor._settings.api_keys == ()
    assert executor._settings.quota_store is None


def test_runs_go_on_beside_each_other_as_many_as_the_setting_says(open_site: OpenSite) -> None:
    site = open_site(concurrent_runs=3)
    runs = [site.start("meet", number=3) for _ in range(3)]
    assert [site.ended(run).result for run in runs] == [{"met": 3}] * 3


@pytest.mark.parametrize(("does", "result"), [("use a pool", {"squares": [1, 4, 9]}), ("leave threads", {})])
def test_a_task_may_start_processes_and_threads(site: Site, does: str, result: Any) -> None:
    run = site.start(does)
    assert site.ended(run).result == result
    until(lambda: gone(site.pid(run)))


def test_a_signal_ends_what_a_task_has_just_forked_off(site: Site) -> None:
    assert site.ran("end children").result == {"ended": 300}


def test_a_large_result_comes_back_whole(site: Site) -> None:
    assert site.ran("large").result == {"large": "x" * 250_000}


def test_files_in_the_working_directory_are_not_imported_as_modules(
    open_site: OpenSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("logging.py", "multiprocessing.py", "structlog.py"):
        (tmp_path / name).write_text("raise SystemExit('imported from the working directory')")
    monkeypatch.chdir(tmp_path)
    assert open_site().ran("count").state is RunState.SUCCEEDED


def test_the_memory_backend_has_no_processes_for_tasks() -> None:
    with pytest.raises(
        SettingsError, match="LOGLEAP_TASK_ISOLATION is 'process', LOGLEAP_BACKEND is 'memory'"
    ):
        build_container(Settings(backend="memory", task_isolation="process"))
