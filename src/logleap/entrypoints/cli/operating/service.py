"""`logleap serve` and `logleap worker`."""

import contextlib
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from logleap.entrypoints.cli.options import BACKEND, DATA_DIR
from logleap.entrypoints.cli.printing.output import endings
from logleap.entrypoints.log_lines import count_dropped_lines, note

if TYPE_CHECKING:
    from logleap.container import Container
    from logleap.settings import Settings

_TASK = click.option(
    "--training-task", metavar="TASK", help="count-entries, log-model, or package.module:callable."
)


_METRIC_FILES = "PROMETHEUS_MULTIPROC_DIR"


@click.command()
@BACKEND
@click.option("--host", help="The address to listen on (default 127.0.0.1).")
@click.option("--port", type=int, help="The port (default 8080; 0: any free one).")
@DATA_DIR
@_TASK
@click.option("--processes", type=int, help="Number of processes (default 1; not with memory).")
@click.option("--worker/--no-worker", default=None, help="Run trainings in this process too (not with gcp).")
@click.option("--accept-loss", is_flag=True, help="Start although the latest changes are missing.")
def serve(accept_loss: bool, **flags: Any) -> None:
    """Serve the HTTP API and the console until Ctrl-C or SIGTERM."""
    with endings():
        _serve(flags, accept_loss=accept_loss)


@click.command()
@BACKEND
@DATA_DIR
@_TASK
@click.option("--push", is_flag=True, help="Receive messages by Pub/Sub push over HTTP (for Cloud Run).")
def worker(push: bool, **flags: Any) -> None:
    """Run trainings until Ctrl-C or SIGTERM."""
    with endings():
        from logleap.backends import capabilities_of
        from logleap.container import build_container
        from logleap.settings import SettingsError

        settings = _configure(flags)
        if not capabilities_of(settings.backend).shared:
            raise SettingsError(
                f"LOGLEAP_BACKEND is {settings.backend!r}, which processes cannot share: a worker of its own "
                "would not see what the server stores. logleap serve has one inside."
            )
        container = build_container(settings)
        count_dropped_lines(container.metrics().log_lines_dropped)
        stop = _stop_on_signals()
        if settings.metrics_port is not None:
            _show_metrics(settings.host, settings.metrics_port, container)
        with _delivering(container, stop):
            if push:
                _serve_pushes(settings, container, stop)
            else:
                from logleap.entrypoints.worker.worker import make_worker

                worker = make_worker(container)
                note(f"LogLeap worker waiting for trainings (backend {settings.backend}). Ctrl-C stops it.")
                worker.run(stop)
        _close(container)


@click.command()
@BACKEND
@DATA_DIR
def sweep(**flags: Any) -> None:
    """Sweep once, as workers do: publish unpublished messages, finish interrupted work."""
    with endings():
        from logleap.container import build_container
        from logleap.entrypoints.worker.worker import make_worker

        container = build_container(_configure(flags))
        swept = make_worker(container).sweep_once()
        _close(container)
    click.echo(f"published {swept.published}, failed {swept.failed}, finished {swept.finished}")


@contextlib.contextmanager
def _delivering(container: "Container", stop: threading.Event) -> Iterator[None]:
    """Deliver events, if they are on, from threads of their own until `stop` is set."""
    from logleap.entrypoints.worker.event_delivery import make_event_delivery

    delivery = make_event_delivery(container)
    if delivery is None:
        yield
        return
    thread = threading.Thread(target=delivery.run, args=(stop,), name="events")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _serve_pushes(settings: "Settings", container: "Container", stop: threading.Event) -> None:
    from logleap.entrypoints.http.server.server import ServerOptions, listen, serve, url_of
    from logleap.entrypoints.pubsub.push import BODY_LIMIT, create_push_app, verifier_of

    app = create_push_app(container, verifier_of(settings), stopping=stop.is_set)
    listener = listen(settings.host, settings.port)
    options = ServerOptions(
        threads=settings.threads,
        body_limit=BODY_LIMIT,
        grace=settings.stop_grace + 5,  # a task that is handed back takes its whole grace
        request_time=settings.request_time_limit,
    )
    address = f"LogLeap worker receives pushes on {url_of(listener)}."
    serve(app, listener, options, stop=stop, listening=lambda: note(address))


def _show_metrics(host: str, port: int, container: "Container") -> None:
    from prometheus_client import start_http_server

    from logleap.settings import SettingsError

    try:
        server, _ = start_http_server(port, host, container.metrics().registry)
    except OSError as error:
        said = f"LOGLEAP_METRICS_PORT is {port}, LOGLEAP_HOST is {host!r}"
        raise SettingsError(f"{said}: cannot listen there: {error}.") from error
    note(f"Worker metrics: http://{host}:{server.server_port}/metrics.")


def _configure(flags: dict[str, Any]) -> "Settings":
    from logleap.entrypoints.logs import configure_logging
    from logleap.settings import load_settings

    settings = load_settings(flags)
    os.environ.pop("LOGLEAP_EVENTS_SECRET", None)  # a training task would inherit it
    project = settings.gcp_project or os.environ.get("GOOGLE_CLOUD_PROJECT")
    configure_logging(settings.log_format, settings.log_level, project=project)
    return settings


def _serve(flags: dict[str, Any], *, accept_loss: bool) -> None:
    from logleap.backends import capabilities_of
    from logleap.codecs.json.fast import COMPILED
    from logleap.entrypoints.http.server.processes import can_fork, run_processes
    from logleap.entrypoints.http.server.server import listen, url_of
    from logleap.settings import SettingsError

    settings = _configure(flags)
    capabilities = capabilities_of(settings.backend)
    if settings.processes > 1 and not capabilities.shared:
        raise SettingsError(
            f"LOGLEAP_PROCESSES is {settings.processes}, LOGLEAP_BACKEND is {settings.backend!r}, which "
            f"processes cannot share. Choose {_sharing()}, or one process."
        )
    if settings.processes > 1 and not can_fork():
        raise SettingsError(
            f"LOGLEAP_PROCESSES is {settings.processes}: this system cannot fork, so it supports only 1."
        )
    if accept_loss:
        from logleap.backends.local import accept_loss_of_local

        accept_loss_of_local(settings)
    listener = listen(settings.host, settings.port)
    stop = _stop_on_signals()

    def ready() -> None:
        notes = [f"backend {settings.backend}"]
        if not capabilities.durable:
            notes[0] += ": everything is lost on exit"
        if settings.processes > 1:
            notes.append(f"{settings.processes} processes")
        if not COMPILED:
            notes.append("slow parser: installed without a C compiler")
        url = url_of(listener)
        told = ", ".join(notes)
        note(f"LogLeap listens on {url} ({told}). Its console is at {url}/console. Ctrl-C stops it.")

    def work(number: int, ready: Callable[[], None]) -> None:
        with endings():
            worker_inside = number == 0 and settings.worker and capabilities.worker_inside
            _answer(settings, listener, stop, ready, with_worker=worker_inside, delivers=number == 0)

    if settings.processes == 1:
        work(0, ready)
        return
    with _metric_files(settings):
        if code := run_processes(settings.processes, work, stop=stop, ready=ready):
            sys.exit(code)


@contextlib.contextmanager
def _metric_files(settings: "Settings") -> Iterator[None]:
    """PROMETHEUS_MULTIPROC_DIR, unless it is set. It is read when the metrics' module is imported."""
    from logleap.settings import SettingsError
    from logleap.telemetry.metric_files import NoRoomForMetrics, shared_folder

    if _METRIC_FILES in os.environ:
        yield
        return
    candidates = [Path(tempfile.gettempdir()), Path("/dev/shm"), settings.data_dir]  # noqa: S108
    try:
        with shared_folder(settings.processes, candidates) as folder:
            os.environ[_METRIC_FILES] = str(folder)
            yield
    except NoRoomForMetrics as error:
        raise SettingsError(
            f"LOGLEAP_PROCESSES is {settings.processes}: no disk has room for their metrics: {error}."
        ) from error


def _sharing() -> str:
    """LogLeap's own backends that processes can share, in words."""
    from logleap.backends import BUILT_IN

    return " or ".join(name for name, factory in BUILT_IN.items() if factory.capabilities.shared)


def _answer(
    settings: "Settings",
    listener: socket.socket,
    stop: threading.Event,
    ready: Callable[[], None],
    *,
    with_worker: bool,
    delivers: bool,
) -> None:
    """Answer requests in this process, and run trainings and deliver events too if it is to."""
    from logleap.container import build_container
    from logleap.entrypoints.http.bounds import FORM_BYTES
    from logleap.entrypoints.http.server.server import ServerOptions, serve
    from logleap.entrypoints.web import create_web_app
    from logleap.entrypoints.worker.worker import make_worker

    if _METRIC_FILES in os.environ:
        _allocate_metric_files(Path(os.environ[_METRIC_FILES]))
    container = build_container(settings)
    count_dropped_lines(container.metrics().log_lines_dropped)
    app = create_web_app(container)
    threads = [threading.Thread(target=make_worker(container).run, args=(stop,))] if with_worker else []

    def listening() -> None:
        ready()
        for thread in threads:
            thread.start()

    options = ServerOptions(
        threads=settings.threads,
        body_limit=max(settings.ndjson_body_limit + FORM_BYTES, settings.json_body_limit) + 1,
        grace=settings.stop_grace,
        request_time=settings.request_time_limit,
        path_prefix=settings.path_prefix or "",
    )
    with _delivering(container, stop) if delivers else contextlib.nullcontext():
        serve(app, listener, options, stop=stop, listening=listening)
    for thread in threads:
        thread.join()
    _close(container)


def _allocate_metric_files(folder: Path) -> None:
    from logleap.settings import SettingsError
    from logleap.telemetry.metric_files import NoRoomForMetrics, allocate

    try:
        allocate(folder)
    except NoRoomForMetrics as error:
        raise SettingsError(f"{_METRIC_FILES}: no room for the metrics of this process: {error}.") from error


def _close(container: "Container") -> None:
    from logleap.telemetry.tracing import shut_down

    container.backend().close()
    shut_down(container.tracer_provider())


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _setter(stop))
    return stop


def _setter(stop: threading.Event) -> Callable[..., None]:
    def handle(number: int, frame: object) -> None:
        # The second Ctrl-C does not wait. A second SIGTERM does: systemd sends one to each process of
        # `serve --processes`, and the parent another.
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    return handle
