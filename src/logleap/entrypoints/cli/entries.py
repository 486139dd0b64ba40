"""`logleap entries` and `export`: the entries of a data set, on the screen or in a file."""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from logleap.domain.counts import counted
from logleap.entrypoints.cli.calls import server_options
from logleap.entrypoints.cli.printing import output
from logleap.entrypoints.cli.printing.export_count import COUNTS, Progress

if TYPE_CHECKING:
    from logleap.client import Client

_TIMEOUT = 600.0  # seconds between two parts of a stream: a text that few entries have may be far apart
_POLL_SECONDS = 1.0
_OPEN = ("created", "uploading")  # states in which entries arrive


def _filters(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option(
            "--template", metavar="ID", help="Only entries of this template of the data set's log model."
        ),
        click.option("--contains", metavar="TEXT", help="Only entries whose message contains this text."),
        click.option("--to", "end", metavar="TIME", help="Only entries before this time."),
        click.option("--from", "start", metavar="TIME", help="Only entries from this time on (RFC 3339)."),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("dataset")
@_filters
@click.option("--around", metavar="BATCH:SEQUENCE", help="Only this entry and those around it.")
@click.option("--before", type=click.IntRange(0, 1000), help="With --around: so many before it (default 10).")
@click.option("--after", type=click.IntRange(0, 1000), help="With --around: so many after it (default 10).")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Stop after N entries.")
@click.option("--follow", is_flag=True, help="Go on while uploads go on, until the training starts.")
@server_options
def entries(
    dataset: str, url: str, api_key: str | None, patience: float, as_json: bool, **asked: Any
) -> None:
    """Print a data set's entries in the order of time; with --json, a JSON object per line."""
    from logleap.client import Client

    wanted = {name: asked[name] for name in ("start", "end", "contains", "template")}
    _check_combination(asked)
    show = _show_json if as_json else _show
    with (
        output.call_endings(),
        _reader_gone(),
        Client(url, api_key=api_key, patience=patience, timeout=_TIMEOUT) as client,
    ):
        if asked["around"] is not None:
            batch_id, sequence = _place(asked["around"])
            numbers = {name: 10 if asked[name] is None else asked[name] for name in ("before", "after")}
            found: Iterator[Mapping[str, Any]] = iter(client.around(dataset, batch_id, sequence, **numbers))
        elif asked["follow"]:
            found = _followed(client, dataset, wanted)
        else:
            found = client.entries(dataset, **wanted)
        for number, entry in enumerate(found, start=1):
            show(entry)
            if number == asked["limit"]:
                break


@click.command()
@click.argument("dataset")
@click.option("--format", "form", type=click.Choice(["ndjson", "csv", "arrow", "parquet"]), required=True)
@click.option(
    "-o",
    "--output",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="The file to write; it appears when it is complete.",
)
@_filters
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@server_options
def export(
    dataset: str,
    form: str,
    target: Path,
    quiet: bool,
    url: str,
    api_key: str | None,
    patience: float,
    as_json: bool,
    **wanted: str | None,
) -> None:
    """Write a data set's entries to a file, in the order of time."""
    from logleap.client import Client

    with (
        output.call_endings(),
        Client(url, api_key=api_key, patience=patience, timeout=_TIMEOUT) as client,
    ):
        count = COUNTS[form]()
        with client.export(dataset, _media_types()[form], **wanted) as exported:
            progress = Progress(count, exported.entries, quiet=quiet)
            with output.whole_file(target) as (file, path):
                for part in exported.parts:
                    file.write(part)
                    count.add(part)
                    progress.show()
                progress.end()
                file.flush()
                number = count.result(path)
                if number is not None:
                    exported.check(number)
        now = client.dataset(dataset)["entries"]
    if as_json:
        output.print_json({"dataId": dataset, "file": str(target), "entries": number, "bytes": count.bytes})
    else:
        click.echo(f"Wrote {_entries(number)} of data set {dataset} to {target}, {count.bytes:,} bytes.")
    if number is None:
        click.echo("The number of entries was not checked: that needs pyarrow.", err=True)
    elif exported.entries is not None and now > number:
        click.echo(f"{_entries(now - number)} more arrived meanwhile, and are not in the file.", err=True)


def _media_types() -> Mapping[str, str]:
    from logleap.client import _api

    return {"ndjson": _api.NDJSON, "csv": _api.CSV, "arrow": _api.ARROW, "parquet": _api.PARQUET}


def _check_combination(asked: Mapping[str, Any]) -> None:
    if asked["around"] is None:
        for name in ("before", "after"):
            if asked[name] is not None:
                raise click.UsageError(f"--{name} is only for --around.")
        return
    for name, option in (
        ("start", "--from"),
        ("end", "--to"),
        ("contains", "--contains"),
        ("template", "--template"),
        ("follow", "--follow"),
        ("limit", "--limit"),
    ):
        if asked[name]:
            raise click.UsageError(f"--around cannot be combined with {option}.")


def _place(around: str) -> tuple[str, int]:
    batch_id, _, sequence = around.rpartition(":")
    if not batch_id or not sequence.isascii() or not sequence.isdigit():
        raise click.UsageError(
            f"--around is {around!r}, but must be BATCH:SEQUENCE, as --json shows them (batchId, sequence)."
        )
    return batch_id, int(sequence)


def _followed(client: "Client", dataset: str, wanted: dict[str, str | None]) -> Iterator[Mapping[str, Any]]:
    """The entries, then those that arrive later in the order of time, until no more can arrive."""
    latest, shown = wanted["start"], 0
    at_latest: set[tuple[str, int]] = set()
    known = -1
    while True:
        found = client.dataset(dataset)
        if found["entries"] != known:
            known = found["entries"]
            for entry in client.entries(dataset, **{**wanted, "start": latest}):
                place = (entry["batchId"], entry["sequence"])
                if entry["timestamp"] != latest:
                    latest, at_latest = entry["timestamp"], set()
                if place not in at_latest:
                    at_latest.add(place)
                    shown += 1
                    yield entry
        if found["state"] not in _OPEN:
            break
        sys.stdout.flush()
        time.sleep(_POLL_SECONDS)
    if not any(wanted.values()) and shown < known:
        missing = _entries(known - shown)
        click.echo(f"{missing} arrived after later ones had been shown, and are missing here.", err=True)


def _show(entry: Mapping[str, Any]) -> None:
    context = f"  {output.in_a_line(entry['context'])}" if entry["context"] is not None else ""
    click.echo(f"{entry['timestamp']}  {output.in_a_line(entry['message'])}{context}")


def _show_json(entry: Mapping[str, Any]) -> None:
    click.echo(json.dumps(entry, ensure_ascii=False))


def _entries(number: int | None) -> str:
    if number is None:
        return "the entries"
    return counted(number, "entry")


@contextlib.contextmanager
def _reader_gone() -> Iterator[None]:
    """End quietly where the reader of the output has seen enough, as `head` has."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python would flush, and complain
        sys.exit(0)
