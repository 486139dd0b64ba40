"""`logleap score`: a log file judged by a log model."""

import json
import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from logleap.domain.counts import counted
from logleap.entrypoints.cli.calls import server_options
from logleap.entrypoints.cli.log_files import open_log, read_options, reading_options
from logleap.entrypoints.cli.options import some_of
from logleap.entrypoints.cli.printing import output

if TYPE_CHECKING:
    from logleap.client.logfiles import LogFile

_TIMEOUT = 600.0  # seconds: the server reads the whole file before it answers
_KINDS = ("new", "value")


@click.command()
@click.argument("file", type=click.Path(allow_dash=True, dir_okay=False, exists=True))
@click.option("--model", "data_id", metavar="ID", required=True, help="The data set whose log model judges.")
@click.option(
    "--fail-on",
    metavar="KINDS",
    callback=some_of(_KINDS),
    help=f"Exit with 5 if there are such warnings: some of {','.join(_KINDS)}.",
)
@reading_options
@server_options
def score(
    file: str,
    data_id: str,
    fail_on: Sequence[str],
    url: str,
    api_key: str | None,
    patience: float,
    as_json: bool,
    **reading: Any,
) -> None:
    """Tell what in a log file ("-": standard input) a data set's log model has never seen.

    Nothing is stored. FILE may be of any format that `logleap push` reads. With --json the server's lines
    are printed: one for each entry, and a last one with the summary.
    """
    from logleap.client import Client
    from logleap.client.logfiles import LogFile

    lines = array("Q")
    with (
        output.call_endings(),
        _log_file_endings(),
        nullcontext(sys.stdin.buffer) if file == "-" else open_log(file) as stream,
        Client(url, api_key=api_key, patience=patience, timeout=_TIMEOUT) as client,
    ):
        log = LogFile(stream, name=file, options=read_options(reading))
        with _refusals(file, lines), client.score_lines(data_id, _bodies(log, lines)) as scores:
            for line in scores.lines():
                if as_json:
                    sys.stdout.buffer.write(line + b"\n")
                elif b'"error":' in line:
                    _tell_error(json.loads(line), lines)
        sys.stdout.flush()
        summary = scores.summary
    if not as_json:
        label = "standard input" if file == "-" else Path(file).name
        click.echo("\n".join([*_in_words(label, summary, lines), *log.report.in_words()]))
    if any(warning["kind"] in fail_on for warning in summary["warnings"]):
        sys.exit(output.CHANGED)


@contextmanager
def _log_file_endings() -> Iterator[None]:
    from logleap.client.logfiles import LogFileError

    try:
        yield
    except LogFileError as error:
        output.finish(str(error), output.FAILED)


@contextmanager
def _refusals(file: str, lines: "array[int]") -> Iterator[None]:
    """Names the line of the file where the server refuses one entry of the request."""
    from logleap.client import ApiError, Incomplete
    from logleap.client._errors import too_large
    from logleap.client.logfiles import LogFileError

    try:
        yield
    except (ApiError, Incomplete) as error:
        found = too_large(error.problem or {})
        if found is None or found[0] >= len(lines):
            raise
        detail = f"the server refuses this entry: {found[1]}. Shorten it, or leave it out."
        raise LogFileError(file, lines[found[0]], detail) from error


def _bodies(log: "LogFile", lines: "array[int]") -> Iterator[bytes]:
    """The file's entries as NDJSON; the lines on which they begin are noted."""
    for batch in log.batches():
        lines.extend(array("Q", batch.starts))
        yield batch.body


def _tell_error(told: Mapping[str, Any], lines: "array[int]") -> None:
    if "error" in told:
        error = told["error"]
        click.echo(f"line {lines[told['index']]}: {output.in_a_line(error['detail'])}", err=True)


def _in_words(label: str, summary: Mapping[str, Any], lines: "array[int]") -> Iterator[str]:
    found = summary["findings"]
    yield (
        f"{counted(summary['entries'], 'entry')} of {output.in_a_line(label)}: "
        f"{summary['matched']:,} of known templates, {found['new']:,} of none, "
        f"{found['value']:,} with a value never seen before."
    )
    for warning in summary["warnings"]:
        severity = warning["severity"] or "-"
        line = lines[warning["first"]]
        detail = output.in_a_line(warning["detail"])
        yield f"{warning['count']:>11,}  from line {line:<8} {warning['kind']:<5}  {severity:<9}  {detail}"
    if summary["unlisted"]:
        yield f"{counted(summary['unlisted'], 'more entry')} of new templates, not listed."
