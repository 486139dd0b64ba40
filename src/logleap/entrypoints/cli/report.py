"""`logleap report`: what a data set's entries are like, for people."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import click

from logleap.entrypoints.cli import output
from logleap.entrypoints.cli.calls import server_options

_TEXT, _LARGE = 100, 50  # characters of a message that are shown, beside a number and beside a place
_BAR = 40  # characters of the longest bar
_BARS = 48  # that are shown at most, the latest ones


@click.command()
@click.argument("dataset")
@server_options
def report(dataset: str, url: str, api_key: str | None, patience: float, as_json: bool) -> None:
    """Tell what a data set's entries are like, before a training is paid for."""
    from logleap.client import Client

    with output.call_endings(), Client(url, api_key=api_key, patience=patience, timeout=600) as client:
        told = client.report(dataset)
    if as_json:
        output.print_json(told)
    else:
        click.echo("\n".join(describe(told)))


def describe(told: Mapping[str, Any]) -> Iterator[str]:
    """The report's lines."""
    yield f"{told['dataId']}  {told['state']}"
    yield f"  {_count(told['entries'], 'entry')} in {_count(told['batches'], 'batch')}"
    if not told["entries"]:
        return
    yield f"  from {_time(told['first'])} to {_time(told['last'])}"
    yield f"  {told['outOfOrder']:,} earlier than the one before them ({told['outOfOrderShare']:.2%})"
    least = "" if told["duplicatesComplete"] else "at least "
    yield f"  {least}{_count(told['duplicates'], 'exact duplicate')}"
    yield from _gaps(told)
    more = f", each of up to {told['frequentMissed']:,} more" if told["frequentMissed"] else ""
    yield f"The most frequent messages{more}:"
    for message in told["frequent"]:
        yield f"  {message['entries']:>11,}  {_shown(message['text'], _TEXT)}"
    yield "The largest entries, in bytes:"
    for entry in told["largest"]:
        place = f"batch {entry['batchId']}, entry {entry['sequence']}"
        yield f"  {entry['bytes']:>11,}  {place}: {_shown(entry['text'], _LARGE)}"
    yield from _histogram(told)


def _gaps(told: Mapping[str, Any]) -> Iterator[str]:
    least = _duration(told["gapsFromSeconds"])
    if not told["gaps"]:
        yield f"No gap is longer than {least}."
        return
    yield f"The longest gaps, of those longer than {least}:"
    for gap in told["gaps"]:
        yield f"  {_duration(gap['seconds']):>17}  from {_time(gap['start'])} to {_time(gap['end'])}"


def _histogram(told: Mapping[str, Any]) -> Iterator[str]:
    spans = told["histogram"]
    span = "an hour" if told["spanSeconds"] == 3600 else f"in each {_duration(told['spanSeconds'])}"
    cut = f", the latest {_BARS} of {len(spans):,} (all: --json)" if len(spans) > _BARS else ""
    yield f"Entries {span}{cut}:"
    most = max(span["entries"] for span in spans)
    for span in spans[-_BARS:]:
        bar = "█" * max(1, round(_BAR * span["entries"] / most))
        yield f"  {_time(span['start'])[:16]}  {span['entries']:>11,}  {bar}"


def _count(number: int, noun: str) -> str:
    plural = {"entry": "entries", "batch": "batches"}.get(noun, f"{noun}s")
    return f"{number:,} {noun if number == 1 else plural}"


def _time(text: str) -> str:
    seconds, _, fraction = text.rstrip("Z").replace("T", " ").partition(".")
    return f"{seconds}.{fraction.rstrip('0')}".rstrip(".") + "Z"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:g} s"
    return str(timedelta(seconds=round(seconds)))


def _shown(text: str, most: int) -> str:
    line = output.in_a_line(text)
    return line if len(line) <= most else f"{line[: most - 1]}…"
