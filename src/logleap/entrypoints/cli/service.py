"""`logleap serve` and `logleap worker`."""

import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from logleap.entrypoints.cli.options import BACKEND, DATA_DIR
from logleap.entrypoints.cli.output import endings
from logleap.entrypoints.log_lines import count_dropped_lines, note

if TYPE_CHECKING:
    from logleap.container import Container
    from logleap.settings import Settings

_TASK = click.option("--training-task", metavar="TASK", help="count-entries, or package.module:callable.")


@click.command()
@BACKEND
@click.option("--host", help="The address to listen on (default 127.0.0.1).")
@click.option("--port", type=int, help="The port (default 8080; 0: any free one).")
@DATA_DIR
@_TASK
@click.option("--processes", type=int, help="How many processes answer (default 1; not with memory).")
@click.option("--worker/--no-worker", default=None, help="Run trainings in this process too (not with gcp).")
def serve(**flags: Any) -> None:
    """Answer the HTTP API until Ctrl-C or SIGTERM."""
    with endings():
        _serve(flags)


@click.command()
@BACKEND
@DATA_DIR
@_TASK
@click.option("--push", is_flag=True, help="Let Pub/Sub push the messages over HTTP (for Cloud Run).")
def worker(push: bool, **flags: Any) -> None:
    """Run trainings until Ctrl-C or SIGTERM."""
    with endings():
        from logleap.settings import SettingsError

        settings, container = _start(flags)
        if settings.backend == "memory":
            raise SettingsError(
                "LOGLEAP_BACKEND is 'memory': a worker of its own cannot see another process's memory. "
                "logleap serve has one inside."
            )
        stop = _stop_on_signals()
        if settings.metrics_port is not None:
            _show_metrics(settings.host, settings.metrics_port, container)
        if push:
            _serve_pushes(settings, container, stop)
        else:
            from logleap.entrypoints.worker.worker import make_worker

            worker = make_worker(container)
            note(f"LogLeap's worker waits for trainings, backend {settings.backend}. Ctrl-C stops it.")
            worker.run(stop)
        _close(container)


@click.command()
@BACKEND
@DATA_DIR
def sweep(**flags: Any) -> None:
    """Sweep once, as workers do: publish what was left behind, end what broke off."""
    with endings():
        from logleap.entrypoints.worker.worker import make_worker

        _, container = _start(flags)
        swept = make_worker(container).sweep_once()
        _close(container)
    click.echo(f"published {swept.published}, failed {swept.failed}, finished {swept.finished}")


def _serve_pushes(settings: "Settings", container: "Container", stop: threading.Event) -> None:
    from logleap.entrypoints.http.server.server import ServerOptions, listen, serve, url_of
    from logleap.entrypoints.pubsub.push import BODY_LIMIT, create_push_app, verifier_of

    app = create_push_app(container, verifier_of(settings), stopping=stop.is_set)
    listener = listen(settings.host, settings.port)
    options = ServerOptions(
        threads=settings.threads,
        body_limit=BODY_LIMIT,
        grace=settings.stop_grace + 5,  # a task that is handed back takes its whole grace
    )
    address = f"LogLeap's worker is pushed to on {url_of(listener)}."
    serve(app, listener, options, stop=stop, listening=lambda: note(address))


def _show_metrics(host: str, port: int, container: "Container") -> None:
    from prometheus_client import start_http_server

    from logleap.settings import SettingsError

    try:
        server, _ = start_http_server(port, host, container.metrics().registry)
    except OSError as error:
        said = f"LOGLEAP_METRICS_PORT is {port}, LOGLEAP_HOST is {host!r}"
        raise SettingsError(f"{said}: cannot listen there: {error}.") from error
    note(f"The worker's metrics are on http://{host}:{server.server_port}/metrics.")


def _start(flags: dict[str, Any]) -> tuple["Settings", "Container"]:
    from logleap.container import build_container

    settings = _configure(flags)
    container = build_container(settings)
    count_dropped_lines(container.metrics().log_lines_dropped)
    return settings, container


def _configure(flags: dict[str, Any]) -> "Settings":
    from logleap.entrypoints.logs import configure_logging
    from logleap.settings import load_settings

    settings = load_settings(flags)
    project = settings.gcp_project or os.environ.get("GOOGLE_CLOUD_PROJECT")
    configure_logging(settings.log_format, settings.log_level, project=project)
    return settings


def _serve(flags: dict[str, Any]) -> None:
    from logleap.codecs.json.fast import COMPILED
    from logleap.entrypoints.http.server.processes import can_fork, run_processes
    from logleap.entrypoints.http.server.server import listen, url_of
    from logleap.settings import SettingsError

    settings = _configure(flags)
    if settings.processes > 1 and settings.backend == "memory":
        raise SettingsError(
            f"LOGLEAP_PROCESSES is {settings.processes}, LOGLEAP_BACKEND is 'memory': processes do not see "
            "each other's memory. Choose local or gcp, or one process."
        )
    if settings.processes > 1 and not can_fork():
        raise SettingsError(
            f"LOGLEAP_PROCESSES is {settings.processes}: this system has only 1 to offer, for it cannot fork."
        )
    listener = listen(settings.host, settings.port)
    stop = _stop_on_signals()

    def ready() -> None:
        notes = [f"backend {settings.backend}"]
        if settings.backend == "memory":
            notes[0] += ": everything is lost on exit"
        if settings.processes > 1:
            notes.append(f"{settings.processes} processes")
        if not COMPILED:
            notes.append("reading entries slowly: installed without a C compiler")
        note(f"LogLeap listens on {url_of(listener)} ({', '.join(notes)}). Ctrl-C stops it.")

    def work(number: int, ready: Callable[[], None]) -> None:
        with endings():
            _answer(settings, listener, stop, ready, with_worker=number == 0)

    if settings.processes == 1:
        work(0, ready)
        return
    with tempfile.TemporaryDirectory(prefix="logleap-metrics-") as folder:
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", folder)  # read when the metrics' module is imported
        if code := run_processes(settings.processes, work, stop=stop, ready=ready):
            sys.exit(code)


def _answer(
    settings: "Settings",
    listener: socket.socket,
    stop: threading.Event,
    ready: Callable[[], None],
    *,
    with_worker: bool,
) -> None:
    """Answer requests in this process, and run trainings too if it is to."""
    from logleap.container import build_container
    from logleap.entrypoints.http.app import create_app
    from logleap.entrypoints.http.server.server import ServerOptions, serve
    from logleap.entrypoints.worker.worker import make_worker

    container = build_container(settings)
    count_dropped_lines(container.metrics().log_lines_dropped)
    app = create_app(container)
    with_worker = with_worker and settings.worker and settings.backend != "gcp"
    threads = [threading.Thread(target=make_worker(container).run, args=(stop,))] if with_worker else []

    def listening() -> None:
        ready()
        for thread in threads:
            thread.start()

    options = ServerOptions(
        threads=settings.threads,
        body_limit=max(settings.ndjson_body_limit, settings.json_body_limit) + 1,
        grace=settings.stop_grace,
    )
    serve(app, listener, options, stop=stop, listening=listening)
    for thread in threads:
        thread.join()
    _close(container)


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
