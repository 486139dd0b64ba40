"""`logleap push`, `train`, `cancel`, `archive` and `status`: the commands that call a server."""

import contextlib
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from logleap.entrypoints.cli import output

if TYPE_CHECKING:
    from datetime import tzinfo

    from logleap.client import Client

_Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def server_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of every command that calls a server."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document."),
        click.option(
            "--patience",
            default=60.0,
            show_default=True,
            help="Seconds to keep retrying without an answer.",
        ),
        click.option(
            "--api-key", envvar="LOGLEAP_API_KEY", help="<keyId>.<secret>; better in LOGLEAP_API_KEY."
        ),
        click.option(
            "--url",
            envvar="LOGLEAP_URL",
            default="http://127.0.0.1:8080",
            show_default=True,
            help="The server.",
        ),
    ):
        command = option(command)
    return command


def _wait_options(command: Callable[..., None]) -> Callable[..., None]:
    command = click.option(
        "--timeout", type=float, help="With --wait: give up after so many seconds (exit code 4)."
    )(command)
    return click.option("--wait", is_flag=True, help="Wait until the training has ended.")(command)


@click.command()
@click.argument("file", type=click.Path(allow_dash=True, dir_okay=False, exists=True))
@click.option("--dataset", metavar="ID", help="Push into this data set instead of a new one.")
@click.option("--name", help="The new data set's name (default: the file's).")
@click.option("--train", "then_train", is_flag=True, help="Start the training afterwards.")
@_wait_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["auto", "plain", "ndjson", "json", "csv"]),
    default="auto",
    show_default=True,
    help="The file's format.",
)
@click.option("--encoding", default="utf-8", show_default=True, help="The file's encoding.")
@click.option(
    "--timezone", default="UTC", show_default=True, help="For times without an offset, e.g. Europe/Berlin."
)
@click.option("--timestamp-format", metavar="STRPTIME", help="For times in an unknown form.")
@click.option("--batch-size", type=click.IntRange(1, 50_000), default=1000, show_default=True)
@click.option(
    "--key", metavar="PREFIX", help="Push again with the same prefix: what was added is not added twice."
)
@server_options
def push(
    file: str,
    dataset: str | None,
    name: str | None,
    then_train: bool,
    wait: bool,
    timeout: float | None,
    form: Any,
    encoding: str,
    timezone: str,
    timestamp_format: str | None,
    batch_size: int,
    key: str | None,
    url: str,
    api_key: str | None,
    patience: float,
    as_json: bool,
) -> None:
    """Push a log file ("-": standard input): plain text with leading times, NDJSON, JSON or CSV, also .gz."""
    from logleap.client import Client, Pushed
    from logleap.client.logfiles import LogFileError, read_log

    zone = _zone(timezone)
    with (
        output.call_endings(),
        _opened(file) as stream,
        Client(url, api_key=api_key, patience=patience) as client,
    ):
        label = "standard input" if file == "-" else Path(file).name
        entries = read_log(
            stream,
            name=file,
            format=form,
            encoding=encoding,
            timezone=zone,
            timestamp_format=timestamp_format,
        )
        try:
            first = next(entries, None)
        except LogFileError as error:
            output.finish(str(error), output.FAILED)
        if first is None:
            output.finish(f"{label} contains no entries.", output.FAILED)
        data_id = dataset or client.announce(name or label)["dataId"]
        prefix = key or str(uuid.uuid4())
        posts = (entry.to_json() for entry in chain([first], entries))
        done = Pushed(0, 0)
        try:
            with _progress(stream, label, quiet=as_json) as show:
                for done in client.push(data_id, posts, batch_size=batch_size, keys=prefix):
                    show(done.entries)
        except BaseException as error:
            _tell_what_is_in(file, data_id, prefix, batch_size, done.entries)
            if isinstance(error, LogFileError):
                output.finish(str(error), output.FAILED)
            raise
        report: dict[str, Any] = {"dataId": data_id, "accepted": done.entries, "batches": done.batches}
        if not as_json:
            click.echo(
                f"{done.entries} entries of {label} are in data set {data_id} ({done.batches} batches)."
            )
        if then_train:
            _train(client, data_id, {}, wait=wait, timeout=timeout, as_json=as_json, report=report)
        elif as_json:
            output.print_json(report)


@click.command()
@click.argument("dataset")
@click.option("--task", help="The training task (default: the server's).")
@click.option(
    "--expect", type=click.IntRange(0), metavar="N", help="Start only if exactly N entries were acknowledged."
)
@click.option(
    "--time-limit", type=click.IntRange(1), metavar="SECONDS", help="Fail the run if it takes longer."
)
@_wait_options
@server_options
def train(
    dataset: str,
    task: str | None,
    expect: int | None,
    time_limit: int | None,
    wait: bool,
    timeout: float | None,
    url: str,
    api_key: str | None,
    patience: float,
    as_json: bool,
) -> None:
    """Start the training of a data set."""
    from logleap.client import Client

    asked = {"task": task, "expected_entries": expect, "time_limit": time_limit}
    with output.call_endings(), Client(url, api_key=api_key, patience=patience) as client:
        _train(client, dataset, asked, wait=wait, timeout=timeout, as_json=as_json, report={})


@click.command()
@click.argument("dataset")
@click.option("--run", "run_id", metavar="RUN", help="Only this run (default: the latest).")
@_wait_options
@server_options
def cancel(
    dataset: str,
    run_id: str | None,
    wait: bool,
    timeout: float | None,
    url: str,
    api_key: str | None,
    patience: float,
    as_json: bool,
) -> None:
    """Cancel the training run of a data set: it fails, and stores no result."""
    from logleap.client import Client

    with output.call_endings(), Client(url, api_key=api_key, patience=patience) as client:
        run = client.cancel(dataset, run_id)
        if wait:
            run = client.wait(dataset, timeout=timeout)
    if as_json:
        output.print_json(run)
    elif run["state"] == "running":
        click.echo(f"Run {run['runId']} is being cancelled: its task has been told to stop.")
    else:
        click.echo(output.describe_run(run))


@click.command()
@click.argument("dataset")
@server_options
def archive(dataset: str, url: str, api_key: str | None, patience: float, as_json: bool) -> None:
    """Archive a data set's entries as a Parquet file, verify it, and remove them from the store."""
    from logleap.client import Client

    with output.call_endings(), Client(url, api_key=api_key, patience=patience, timeout=600) as client:
        archived = client.archive(dataset)
    if as_json:
        output.print_json(archived)
    else:
        click.echo(f"Archived {archived['archive']['entries']} entries in {archived['archive']['url']}")


@click.command()
@click.argument("dataset", required=False)
@server_options
def status(dataset: str | None, url: str, api_key: str | None, patience: float, as_json: bool) -> None:
    """Show one data set with its log and latest run, or list all."""
    from logleap.client import Client

    with output.call_endings(), Client(url, api_key=api_key, patience=patience) as client:
        if dataset is None:
            datasets = list(client.datasets())
            if as_json:
                output.print_json(datasets)
            for shown in datasets if not as_json else ():
                click.echo(output.describe_dataset(shown))
            return
        found = client.dataset(dataset)
        run = client.run(dataset) if found["runId"] else None
        if as_json:
            output.print_json({**found, "run": run})
            return
        click.echo(output.describe_dataset(found))
        for event in client.events(dataset):
            click.echo(f"  {event['at'][:23]}Z  {event['detail']}")
        if run is not None:
            click.echo(f"  {output.describe_run(run)}")


def _train(
    client: "Client",
    data_id: str,
    asked: dict[str, Any],
    *,
    wait: bool,
    timeout: float | None,
    as_json: bool,
    report: dict[str, Any],
) -> None:
    from logleap.client import ApiError

    try:
        run_id = client.train(data_id, **asked)["runId"]
    except ApiError as error:
        if error.code != "RUN_IN_PROGRESS" or any(value is not None for value in asked.values()):
            raise
        run_id = client.run(data_id)["runId"]  # somebody started it before: that is what was asked for
    run = client.wait(data_id, timeout=timeout) if wait else client.run(data_id)
    if as_json:
        output.print_json({**report, "dataId": data_id, "runId": run_id, "run": run})
    else:
        click.echo(output.describe_run(run))
    if run["state"] == "failed":
        sys.exit(output.FAILED)


def _tell_what_is_in(file: str, data_id: str, prefix: str, batch_size: int, entries: int) -> None:
    again = f"--dataset {data_id} --key {prefix} --batch-size {batch_size}"
    click.echo(
        f"logleap: {entries} entries were added to data set {data_id}. To continue, without duplicates:\n"
        f"  logleap push {file} {again}",
        err=True,
    )


def _zone(name: str) -> "tzinfo":
    from zoneinfo import ZoneInfo

    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise click.BadParameter(f"{name!r} is not a time zone; use a name such as Europe/Berlin.") from None


@contextlib.contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    with Path(file).open("rb") as stream:
        yield stream


@contextlib.contextmanager
def _progress(stream: BinaryIO, label: str, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A bar while a person watches; a line now and then when the output is piped; nothing if `quiet`."""
    if quiet:
        yield lambda entries: None
    elif sys.stderr.isatty():
        yield from _bar(stream, label)
    else:
        yield _plain_progress(label)


def _plain_progress(label: str) -> Callable[[int], None]:
    told = 0

    def show(entries: int) -> None:
        nonlocal told
        if entries >= told + 10_000:
            told = entries
            click.echo(f"{label}: {entries} entries acknowledged", err=True)

    return show


def _bar(stream: BinaryIO, label: str) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    size = Path(stream.name).stat().st_size if stream.seekable() else None
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[entries]} entries"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=size, entries=0)
        yield lambda entries: progress.update(
            task, completed=stream.tell() if size is not None else None, entries=entries
        )
