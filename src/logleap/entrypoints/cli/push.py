"""`logleap push`: log files into a data set."""

import contextlib
import shlex
import sys
import uuid
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from logleap.entrypoints.cli.calls import server_options, start_training, wait_options
from logleap.entrypoints.cli.log_files import read_options, reading_options
from logleap.entrypoints.cli.options import not_empty
from logleap.entrypoints.cli.printing import output
from logleap.entrypoints.cli.printing.counts import counted
from logleap.entrypoints.cli.printing.progress import Counted, Counter, progress

if TYPE_CHECKING:
    from logleap.client.push import Push

_STANDARD_INPUT = "standard input"
_SEVERAL_A_LINE = ("json", "journald")  # whose entries may share a line: their keys alone tell what is stored


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(allow_dash=True, dir_okay=False, exists=True)
)
@click.option(
    "--dataset", metavar="ID", callback=not_empty, help="Push into this data set instead of a new one."
)
@click.option("--name", help="The new data set's name (default: the file's).")
@click.option("--train", "then_train", is_flag=True, help="Start the training afterwards.")
@wait_options
@reading_options
@click.option("--batch-size", type=click.IntRange(1, 50_000), default=50_000, show_default=True)
@click.option(
    "--key",
    metavar="PREFIX",
    callback=not_empty,
    help="Push again with the same prefix: what was added is not added twice.",
)
@server_options
@click.pass_context
def push(
    context: click.Context,
    /,
    files: tuple[str, ...],
    dataset: str | None,
    name: str | None,
    then_train: bool,
    wait: bool,
    timeout: float | None,
    batch_size: int,
    key: str | None,
    url: str,
    api_key: str | None,
    patience: float,
    as_json: bool,
    **reading: Any,
) -> None:
    """Push log files ("-": standard input), packed or not, of any of these formats, into a data set.

    Plain text with a time at the beginning of each entry, NDJSON, JSON, CSV, W3C (IIS), logfmt, syslog,
    Kubernetes' and Docker's logs, journald. Rotated files may be named together; the oldest goes first.
    """
    from logleap.client import Client
    from logleap.client.logfiles import Limits, LogFileError
    from logleap.client.push import Push, Source, oldest_first
    from logleap.codecs.limits import REQUEST_BYTES

    names = oldest_first(files)
    if "-" in names and len(names) > 1:
        raise click.UsageError("standard input (-) is pushed alone, not beside other files.")
    if reading["skip_lines"] and len(names) > 1:
        raise click.UsageError("--skip-lines is for one file.")
    options = read_options(reading)
    label = _label(names)
    counter = Counter(_size(names))
    sources = [Source(each, lambda each=each: _opened(each, counter)) for each in names]  # type: ignore[misc]
    with output.call_endings(), Client(url, api_key=api_key, patience=patience) as client:
        work = Push(
            client, str(uuid.uuid4()) if key is None else key, Limits(batch_size, REQUEST_BYTES), options
        )
        try:
            batches = work.first(sources)
        except LogFileError as error:
            output.finish(str(error), output.FAILED)
        first = next(batches, None)
        if first is None:
            output.finish(f"{label} contains no entries.{_left_out(work)}", output.FAILED)
        data_id = client.announce(name or label)["dataId"] if dataset is None else dataset
        try:
            with progress(work, counter, label, quiet=as_json) as show:
                for _ in work.send(data_id, _again(first, batches)):
                    show()
        except BaseException as error:
            _tell_what_is_in(context, work, data_id, error)
            if isinstance(error, LogFileError):
                output.finish(str(error), output.FAILED)
            raise
        report: dict[str, Any] = {
            "dataId": data_id,
            "accepted": work.stored.entries,
            "batches": work.stored.batches,
            "files": [each.to_json() for each in work.reports],
        }
        if not as_json:
            _tell(work, label, data_id)
        if then_train:
            start_training(client, data_id, {}, wait=wait, timeout=timeout, as_json=as_json, report=report)
        elif as_json:
            output.print_json(report)


def _again(first: Any, more: Iterator[Any]) -> Generator[Any]:
    yield first
    yield from more


def _tell(work: "Push", label: str, data_id: str) -> None:
    stored = work.stored
    before = f", {stored.replayed:,} of them since an earlier push" if stored.replayed else ""
    entries, batches = counted(stored.entries, "entry"), counted(stored.batches, "batch")
    are = "is" if stored.entries == 1 else "are"
    click.echo(f"{entries} of {label} {are} in data set {data_id} ({batches}){before}.")
    for report in work.reports:
        if len(work.reports) > 1:
            click.echo(f"  {output.in_a_line(report.name)}:")
        for line in report.in_words():
            click.echo(f"  {output.in_a_line(line)}")


def _left_out(work: "Push") -> str:
    skipped = sum(report.skipped_lines for report in work.reports)
    return f" {counted(skipped, 'line')} {'was' if skipped == 1 else 'were'} left out." if skipped else ""


def _tell_what_is_in(context: click.Context, work: "Push", data_id: str, error: BaseException) -> None:
    """What is stored, and the command that goes on from there."""
    from logleap.client.logfiles import LogFileError

    stored = work.stored
    where = ""
    if stored.line:
        name = _STANDARD_INPUT if stored.name == "-" else stored.name
        where = f": up to line {stored.line} of {name}"
    more = (
        f", and {stored.after_a_gap:,} from behind the place where it stopped" if stored.after_a_gap else ""
    )
    changed: dict[str, Any] = {
        "dataset": data_id,
        "key": work.key,
        "name": None,
        "batch_size": work.limits.entries,
    }
    how = "This goes on from there, and stores nothing twice:"
    if isinstance(error, LogFileError):
        if error.left_out and context.params["on_bad_line"] != "skip":
            changed["on_bad_line"] = "skip"
            how = "This goes on from there, leaves such lines out, and stores nothing twice:"
        else:
            how = "Once that is mended, this goes on from there, and stores nothing twice:"
    guessed = next((report.first_year for report in work.reports if report.first_year is not None), None)
    if guessed is not None and len(work.reports) == 1:
        changed["year"] = guessed
    files: Sequence[str] = context.params["files"]
    if files == ("-",):
        several = {report.format for report in work.reports} & set(_SEVERAL_A_LINE)
        if not several and work.options.mapping != "otel-file":
            changed["skip_lines"] = max(stored.line, context.params["skip_lines"])
        first = f"Leave out the first {counted(stored.line, 'line')} of {_STANDARD_INPUT}. "
        how = f"{first if stored.line else ''}With the same input:\n  {how}"
    added = f"{counted(stored.entries, 'entry')} {'was' if stored.entries == 1 else 'were'} added"
    click.echo(
        f"logleap: {added} to data set {data_id}{where}{more}. {how}\n  {_command(context, files, changed)}",
        err=True,
    )


def _command(context: click.Context, files: Sequence[str], changed: Mapping[str, Any]) -> str:
    """The command as it was given, but for what is changed; without the key of the API, which is a secret."""
    from click.core import ParameterSource

    words = ["logleap", "push", *files]
    for parameter in context.command.params:
        name = parameter.name or ""
        if not isinstance(parameter, click.Option) or name == "api_key":
            continue
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        value = changed[name] if name in changed else context.params[name] if given else None
        if value is None or value is False or (value == 0 and name == "skip_lines"):
            continue
        words += [parameter.opts[0]] if parameter.is_flag else [parameter.opts[0], str(value)]
    return shlex.join(words)


def _label(names: Sequence[str]) -> str:
    if names[-1] == "-":
        return _STANDARD_INPUT
    first = Path(names[-1]).name
    return first if len(names) == 1 else f"{first} and {len(names) - 1} more"


def _size(names: Sequence[str]) -> int | None:
    if "-" in names:
        return None
    sizes = [Path(name).stat().st_size if Path(name).is_file() else 0 for name in names]
    return sum(sizes) if all(sizes) else None


@contextlib.contextmanager
def _opened(name: str, counter: Counter) -> Iterator[BinaryIO]:
    if name == "-":
        yield Counted(sys.stdin.buffer, counter)  # type: ignore[misc]
        return
    with Path(name).open("rb") as stream:
        yield Counted(stream, counter)  # type: ignore[misc]
