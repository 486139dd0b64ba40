"""`logleap report`: the summary of a data set's entries, for people."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import click

from logleap.entrypoints.cli.calls import server_options
from logleap.entrypoints.cli.printing import output
from logleap.entrypoints.cli.printing.counts import counted

# Characters shown of a message: of a frequent one, and of a large one (whose position takes room).
_FREQUENT_TEXT, _LARGE_TEXT = 100, 50
_BAR = 40  # characters: the longest bar
_BARS = 48  # the latest ones; --json has all


@click.command()
@click.argument("dataset")
@server_options
def report(dataset: str, url: str, api_key: str | None, patience: float, as_json: bool) -> None:
    """Summarise a data set's entries: gaps, duplicates, frequent messages, …"""
    from logleap.client import Client

    with output.call_endings(), Client(url, api_key=api_key, patience=patience, timeout=600) as client:
        summary = client.report(dataset)
    if as_json:
        output.print_json(summary)
    else:
        click.echo("\n".join(describe(summary)))


def describe(summary: Mapping[str, Any]) -> Iterator[str]:
    """The report's lines."""
    yield f"{summary['dataId']}  {summary['state']}"
    yield f"  {counted(summary['entries'], 'entry')} in {counted(summary['batches'], 'batch')}"
    if not summary["entries"]:
        return
    yield f"  from {_time(summary['first'])} to {_time(summary['last'])}"
    share = f"{summary['outOfOrderShare']:.2%}"
    yield f"  {summary['outOfOrder']:,} out of order: earlier than the entry before ({share})"
    least = "" if summary["duplicatesComplete"] else "at least "
    yield f"  {least}{counted(summary['duplicates'], 'exact duplicate')}"
    yield from _gaps(summary)
    missed = summary["frequentMissed"]
    more = f" (each may have up to {missed:,} more entries)" if missed else ""
    yield f"The most frequent messages{more}:"
    for message in summary["frequent"]:
        yield f"  {message['entries']:>11,}  {_shown(message['text'], _FREQUENT_TEXT)}"
    if "templates" in summary:
        templates = summary["templates"]
        yield f"The most frequent of the {counted(templates['total'], 'template')} of its log model:"
        for template in templates["frequent"]:
            yield f"  {template['entries']:>11,}  {_shown(template['text'], _FREQUENT_TEXT)}"
    yield "The largest entries, in bytes:"
    for entry in summary["largest"]:
        place = f"batch {entry['batchId']}, entry {entry['sequence']}"
        yield f"  {entry['bytes']:>11,}  {place}: {_shown(entry['text'], _LARGE_TEXT)}"
    yield from _histogram(summary)


def _gaps(summary: Mapping[str, Any]) -> Iterator[str]:
    least = _duration(summary["gapsFromSeconds"])
    if not summary["gaps"]:
        yield f"No gap longer than {least}."
        return
    yield f"The longest gaps (over {least}):"
    for gap in summary["gaps"]:
        yield f"  {_duration(gap['seconds']):>17}  from {_time(gap['start'])} to {_time(gap['end'])}"


def _histogram(summary: Mapping[str, Any]) -> Iterator[str]:
    spans = summary["histogram"]
    span = "hour" if summary["spanSeconds"] == 3600 else _duration(summary["spanSeconds"])
    cut = f", the latest {_BARS} of {len(spans):,} (all: --json)" if len(spans) > _BARS else ""
    yield f"Entries per {span}{cut}:"
    most = max(span["entries"] for span in spans)
    for span in spans[-_BARS:]:
        bar = "█" * max(1, round(_BAR * span["entries"] / most))
        yield f"  {_time(span['start'])[:16]}  {span['entries']:>11,}  {bar}"


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
