"""The process of one task: it opens the backend for itself, and sends its outcome to the worker."""

import os
import signal
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import NoReturn

import structlog
from opentelemetry import context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from logleap.backends import open_backend
from logleap.codecs.compression import compress_zstd, unzstd
from logleap.domain.runs import RunError
from logleap.entrypoints.log_lines import drain_all
from logleap.entrypoints.logs import configure_logging
from logleap.ports.executor import TaskEnded, TaskInterrupted, TaskOutcome
from logleap.settings import SettingsError
from logleap.task_processes import Order, encode
from logleap.tasks import TaskNotLoadable, load_masks, load_tasks
from logleap.telemetry.tracing import build_tracer_provider, shut_down, traced_tasks
from logleap.usecases.training.run_training import ExecuteTask

_ENDING = (signal.SIGINT, signal.SIGTERM)


def main(connection: Connection, lifeline: Connection, order: Order) -> NoReturn:
    """Run the task, send its outcome, and end, with all that the task has started.

    Nothing is ever sent through `lifeline`: the worker holds the other end for as long as it lives.
    """
    if sys.platform != "win32":
        os.setsid()
        for number in _ENDING:
            signal.signal(number, _left_to_the_worker)
        _end_children_as_usual()
        _end_with_worker(lifeline)
    os.environ.update(order.environment)
    settings = order.settings
    project = settings.gcp_project or os.environ.get("GOOGLE_CLOUD_PROJECT")
    configure_logging(settings.log_format, settings.log_level, project=project)
    stopping = threading.Event()
    threading.Thread(target=_listen, args=(connection, stopping), name="worker", daemon=True).start()
    with structlog.contextvars.bound_contextvars(**order.ids):
        outcome = _outcome(order, stopping)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # full, closed, or none at all
            stream.flush()
    drain_all()
    connection.send_bytes(encode(outcome))
    _end()


def _outcome(order: Order, stopping: threading.Event) -> TaskOutcome:
    provider = build_tracer_provider()
    context.attach(TraceContextTextMapPropagator().extract(order.trace))
    try:
        tasks = load_tasks(order.settings.training_task, load_masks(order.settings.masks))
    except TaskNotLoadable as error:
        return TaskEnded(RunError("TASK_NOT_LOADABLE", str(error)))
    try:
        backend = open_backend(order.settings)
    except SettingsError as error:
        return TaskInterrupted(f"the task's process cannot open the backend: {error}")
    try:
        tracer = provider.get_tracer("logleap")
        execute = ExecuteTask(
            backend.store,
            backend.ledger,
            backend.archives,
            backend.artifacts,
            traced_tasks(tasks, tracer),
            artifact_limit=order.settings.artifact_limit,
            compress=compress_zstd,
            decompress=unzstd,
        )
        return execute(order.job, stopping.is_set)
    finally:
        backend.close()
        shut_down(provider)


def _listen(connection: Connection, stopping: threading.Event) -> None:
    """The worker sends something when the task is to stop. When the worker is gone, so is its task."""
    try:
        while connection.recv_bytes():
            stopping.set()
    except (EOFError, OSError):
        _end()


def _end_with_worker(lifeline: Connection) -> None:
    """Have Linux kill this process and its children when the worker's end of the pipe is closed.

    The thread that listens cannot do it while the task holds the interpreter, in a library's code. The fork
    server is no help either (PR_SET_PDEATHSIG): it ends after its children.
    https://man7.org/linux/man-pages/man2/fcntl.2.html
    """
    if sys.platform == "linux":
        import fcntl

        descriptor = lifeline.fileno()
        fcntl.fcntl(descriptor, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGKILL)
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_ASYNC)


def _left_to_the_worker(number: int, frame: object) -> None:
    """Signals go to all processes of the service: the worker says what becomes of the task."""


def _end_children_as_usual() -> None:
    """Have these signals end what the task forks off.

    Python forgets, in a child that has just been forked, for which signals a handler is to be called: one
    that comes so early must wait until it has its usual effect. (multiprocessing's Pool waits for ever for a
    process that it has ended so.)
    """
    before = threading.local()

    def wait() -> None:
        before.mask = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)

    def go_on() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, before.mask)

    def go_on_in_child() -> None:
        for number in _ENDING:
            if signal.getsignal(number) is _left_to_the_worker:  # and not the task's own
                signal.signal(number, signal.SIG_DFL)
        go_on()

    os.register_at_fork(before=wait, after_in_parent=go_on, after_in_child=go_on_in_child)


def _end() -> NoReturn:
    """End this process and all that it has started, whatever threads and children are left."""
    if sys.platform != "win32":
        os.killpg(0, signal.SIGKILL)
    os._exit(0)
