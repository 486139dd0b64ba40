"""Tasks in processes of their own: one that crashes, leaks or never returns takes no server along.

A process is forked off Python's fork server, which has imported what a task's process needs and runs nothing
else: it starts within milliseconds, and none is forked off a process with threads. Where there is no fork
server (Windows), a new interpreter is started.
"""

import importlib
import json
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import structlog
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from logleap.domain.artifacts import Artifact
from logleap.domain.runs import RunError
from logleap.ports.errors import Unavailable
from logleap.ports.executor import (
    TaskEnded,
    TaskExecution,
    TaskExecutor,
    TaskInterrupted,
    TaskJob,
    TaskOutcome,
    TaskSucceeded,
)
from logleap.settings import Settings

log = logging.getLogger(__name__)

_CHILD = "logleap.entrypoints.worker.task_process"
"""By name: it is an entry point, above this module."""

_SAFE_PATH = "PYTHONSAFEPATH"
_MAX_OUTCOME_BYTES = 16 << 20
_END_SECONDS = 5.0
"""For a killed process to be gone."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a task's process is told. It goes through a pipe: it may hold secrets.

    `environment` are variables to set. `ids` belong into each log line, `trace` is the span that the task
    belongs to, as W3C's headers. `safe_path` is the server's own PYTHONSAFEPATH.
    """

    job: TaskJob
    settings: Settings
    environment: Mapping[str, str] = field(repr=False)
    ids: Mapping[str, Any]
    trace: Mapping[str, str]
    safe_path: str | None


class TaskProcesses(TaskExecutor):
    """Starts each task in a process that opens the backend of the settings for itself.

    `handover` gives the variables that the backend has taken out of this process's environment.
    """

    def __init__(self, settings: Settings, handover: Callable[[], Mapping[str, str]]) -> None:
        # What is of no use for a task is not passed on.
        useless = {"api_keys": (), "quota_store": None, "events_url": None, "events_secret": ()}
        self._settings = settings.model_copy(update=useless | {"events_topic": None})
        self._handover = handover
        self._starting = threading.Lock()
        methods = multiprocessing.get_all_start_methods()
        self._context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")

    def prepare(self) -> None:
        """Start the fork server, which imports what it needs while this process goes on."""
        if self._context.get_start_method() == "forkserver":
            with self._starting, _safe_path():
                self._start_server()

    def start(self, job: TaskJob) -> TaskExecution:
        """Start the job's task in a process. Raises Unavailable."""
        trace: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(trace)
        order = Order(
            job=job,
            settings=self._settings,
            environment=self._handover(),
            ids=structlog.contextvars.get_contextvars(),
            trace=trace,
            safe_path=os.environ.get(_SAFE_PATH),
        )
        ours, theirs = self._context.Pipe()
        lifeline, held = self._context.Pipe(duplex=False)
        arguments = (theirs, lifeline, order)
        process = self._context.Process(target=_become, args=arguments, name=f"run {job.run_id}")
        try:
            with self._starting, _safe_path():
                if self._context.get_start_method() == "forkserver":
                    self._start_server()
                process.start()
        except (OSError, EOFError) as error:
            ours.close()
            held.close()
            raise Unavailable(f"no process can be started for the task: {error!r}") from error
        finally:
            theirs.close()
            lifeline.close()
        return _TaskProcess(process, ours, held, job.run_id)

    def _start_server(self) -> None:
        names = ("archive", "artifacts", "datasets", "entries", "keys", "queue", "receipts", "runs")
        adapters = [f"logleap.adapters.{self._settings.backend}.{name}" for name in names]
        # Those that are not there are left out. The task's own module is none of them: it may start threads.
        forkserver.set_forkserver_preload(["logleap.entrypoints.cli", _CHILD, *adapters])
        forkserver.ensure_running()


@contextmanager
def _safe_path() -> Iterator[None]:
    """Has a started interpreter not import from the working directory, which it would search first."""
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = before


def _become(connection: Connection, lifeline: Connection, order: Order) -> None:
    """What a new process does."""
    if order.safe_path is None:
        os.environ.pop(_SAFE_PATH, None)
    importlib.import_module(_CHILD).main(connection, lifeline, order)


def encode(outcome: TaskOutcome) -> bytes:
    """The outcome as it comes back: JSON, since unpickling what a task's process sends could run its code."""
    match outcome:
        case TaskSucceeded(result, artifacts):
            return json.dumps({"result": result, "artifacts": list(map(asdict, artifacts))}).encode()
        case TaskEnded(error):
            return json.dumps({"error": [error.code, error.detail]}).encode()
        case TaskInterrupted(reason, voluntary):
            return json.dumps({"interrupted": [reason, voluntary]}).encode()


def _decode(body: bytes) -> TaskOutcome:
    fields = json.loads(body)
    if "result" in fields:
        return TaskSucceeded(fields["result"], tuple(Artifact(**each) for each in fields["artifacts"]))
    if "error" in fields:
        code, detail = fields["error"]
        return TaskEnded(RunError(code, detail))
    reason, voluntary = fields["interrupted"]
    return TaskInterrupted(reason, voluntary)


class _TaskProcess(TaskExecution):
    def __init__(
        self, process: BaseProcess, connection: Connection, lifeline: Connection, run_id: str
    ) -> None:
        self._process = process
        self._connection = connection
        self._lifeline = lifeline  # when this is closed, the process ends
        self._run_id = run_id
        self._outcome: TaskOutcome | None = None
        self._told = self._gone = False

    def wait(self, seconds: float) -> bool:
        if self._outcome is None and wait([self._connection, self._process.sentinel], seconds):
            # What it sent before it ended is still there.
            self._outcome = (self._received() if self._connection.poll() else None) or self._crashed()
        return self._outcome is not None

    def outcome(self) -> TaskOutcome:
        return self._outcome or TaskInterrupted("the task has not ended")

    def stop(self) -> None:
        if not self._told:
            self._told = True
            with suppress(OSError):  # it has ended
                self._connection.send_bytes(b"stop")

    def abandon(self) -> None:
        if self._gone:
            return
        self._gone = True
        _kill(self._process)
        self._connection.close()
        self._lifeline.close()
        self._process.join(_END_SECONDS)
        if self._process.exitcode is not None:
            self._process.close()

    def _received(self) -> TaskOutcome | None:
        try:
            return _decode(self._connection.recv_bytes(_MAX_OUTCOME_BYTES))
        except (EOFError, OSError):
            return None
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            log.error("run %s: the task's process sent what is no outcome: %r", self._run_id, error)
            return TaskInterrupted("the task's process sent what is no outcome")

    def _crashed(self) -> TaskOutcome:
        self._process.join(_END_SECONDS)
        code = self._process.exitcode
        if code is None:
            end = "closed its connection"
        elif code < 0:
            end = f"was killed by signal {-code}" + (
                " (perhaps the system ran out of memory)" if code == -9 else ""
            )
        else:
            end = f"exited with code {code}"
        log.error("run %s: the task's process %s without a result", self._run_id, end)
        return TaskInterrupted(f"the task's process {end} without a result")


def _kill(process: BaseProcess) -> None:
    """End a process and all that it has started, if it is still there."""
    if sys.platform != "win32" and process.pid is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.exitcode is None:  # it may not have made its group yet
        process.kill()
