"""`logleap serve` and `logleap worker`."""

import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from logleap.entrypoints.cli.output import endings

if TYPE_CHECKING:
    from logleap.container import Container
    from logleap.settings import Settings

_BACKEND = click.option("--backend", metavar="memory|local|gcp", help="Where everything is kept.")
_DATA_DIR = click.option("--data-dir", metavar="FOLDER", help="Where the local backend keeps its file.")
_TASK = click.option("--training-task", metavar="TASK", help="count-entries, or package.module:callable.")


@click.command()
@_BACKEND
@click.option("--host", help="The address to listen on (default 127.0.0.1).")
@click.option("--port", type=int, help="The port (default 8080; 0: any free one).")
@_DATA_DIR
@_TASK
@click.option("--worker/--no-worker", default=None, help="Run trainings in this process too (not with gcp).")
def serve(**flags: Any) -> None:
    """Answer the HTTP API until Ctrl-C or SIGTERM."""
    with endings():
        _serve(flags)


@click.command()
@_BACKEND
@_DATA_DIR
@_TASK
def worker(**flags: Any) -> None:
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
        click.echo(f"LogLeap's worker waits for trainings, backend {settings.backend}. Ctrl-C stops it.")
        make_worker(container).run(stop)
        container.backend().close()


def make_worker(container: "Container") -> Any:
    """A worker over the container's use cases."""
    from logleap.entrypoints.worker import Worker

    settings = container.settings()
    return Worker(
        queue=container.backend().queue,
        run_training=container.run_training(),
        sweep=container.sweep(),
        fail_dead_letter=container.fail_dead_letter(),
        hold=2 * settings.run_lease,
        sweep_interval=settings.sweep_interval,
    )


def _start(flags: dict[str, Any]) -> tuple["Settings", "Container"]:
    from logleap.container import build_container
    from logleap.entrypoints.logs import configure_logging
    from logleap.settings import load_settings

    settings = load_settings(flags)
    configure_logging(settings.log_format, settings.log_level)
    return settings, build_container(settings)


def _serve(flags: dict[str, Any]) -> None:
    from logleap.entrypoints.http.app import create_app
    from logleap.entrypoints.http.server import ServerOptions, serve

    settings, container = _start(flags)
    app = create_app(container)
    stop = _stop_on_signals()
    with_worker = settings.worker and settings.backend != "gcp"
    threads = [threading.Thread(target=make_worker(container).run, args=(stop,))] if with_worker else []

    def listening(url: str) -> None:
        note = ": everything is lost on exit" if settings.backend == "memory" else ""
        click.echo(f"LogLeap listens on {url} (backend {settings.backend}{note}). Ctrl-C stops it.")
        for thread in threads:
            thread.start()

    options = ServerOptions(
        host=settings.host,
        port=settings.port,
        threads=settings.threads,
        body_limit=max(settings.ndjson_body_limit, settings.json_body_limit) + 1,
        grace=settings.stop_grace,
    )
    serve(app, options, stop=stop, listening=listening)
    for thread in threads:
        thread.join()
    container.backend().close()


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _setter(stop))
    return stop


def _setter(stop: threading.Event) -> Callable[..., None]:
    def handle(number: int, frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt  # the second Ctrl-C does not wait
        stop.set()

    return handle
