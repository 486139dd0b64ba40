"""How log files are read by the commands that take them: the options, and what they mean."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

if TYPE_CHECKING:
    from logleap.client.logfiles import ReadOptions


class _Format(click.ParamType[str]):
    """One of the formats that are read; they are imported when one is named."""

    name = "format"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name, if there is such a format."""
        from logleap.client.logfiles import FORMATS

        if value not in FORMATS:
            self.fail(f"{value!r} is none of {', '.join(FORMATS)}.", param, ctx)
        return value


def reading_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that `read_options` reads."""
    for option in (
        click.option(
            "--skip-lines", type=click.IntRange(0), default=0, help="Leave out entries on the first N lines."
        ),
        click.option(
            "--on-bad-line",
            type=click.Choice(["refuse", "skip"]),
            default="refuse",
            show_default=True,
            help="What to do with lines that cannot be read with certainty.",
        ),
        click.option(
            "--mapping", metavar="NAME", help="For JSON: which fields are time and message; as of the API."
        ),
        click.option(
            "--columns",
            metavar="timestamp=COL[+COL],message=COL",
            help="For CSV: the columns, by name or number.",
        ),
        click.option(
            "--repeated-hour",
            type=click.Choice(["first", "second"]),
            help="Which is meant of the two hours when clocks are put back, where the order does not tell.",
        ),
        click.option(
            "--year",
            type=click.IntRange(1, 9999),
            help="The first entry's year, for times without one (default: the latest possible).",
        ),
        click.option("--timestamp-format", metavar="STRPTIME", help="For times in none of the known forms."),
        click.option(
            "--timezone",
            metavar="ZONE",
            help="For times that name no zone, e.g. Europe/Berlin, +01:00 (default: UTC).",
        ),
        click.option(
            "--encoding", help="The files' encoding (default: UTF-8, or UTF-16 that shows by its pattern)."
        ),
        click.option(
            "--format",
            "form",
            type=_Format(),
            metavar="NAME",
            default="auto",
            show_default=True,
            help="plain, ndjson, json, csv, w3c, logfmt, cri, docker, journald, syslog-frames.",
        ),
    ):
        command = option(command)
    return command


def open_log(name: str) -> BinaryIO:
    """The file, for reading. Raises LogFileError, as where it was rotated away since its name was checked."""
    from logleap.client.logfiles import unreadable

    try:
        return Path(name).open("rb")
    except OSError as error:
        raise unreadable(name, error) from error


def read_options(given: Mapping[str, Any]) -> "ReadOptions":
    """What the options say, by their names."""
    from logleap.client.logfiles import ReadOptions

    options = {**given, "format": given["form"], "mappings": _mappings()}
    del options["form"]
    options |= {"timezone": _zone(given["timezone"]), "columns": _columns(given["columns"])}
    return ReadOptions(**options)


def _zone(name: str | None) -> Any:
    from logleap.client.logfiles import named_zone

    if name is None:
        return None
    try:
        return named_zone(name)
    except ValueError as error:
        raise click.BadParameter(
            f"{error}; use a name such as Europe/Berlin, or an offset such as +01:00."
        ) from None


def _columns(text: str | None) -> Mapping[str, tuple[str, ...]] | None:
    if text is None:
        return None
    columns = {}
    for part in text.split(","):
        role, _, names = part.partition("=")
        columns[role.strip()] = tuple(names.split("+"))
    if columns.keys() != {"timestamp", "message"} or not all(map(all, columns.values())):
        raise click.BadParameter(
            f"{text!r} is not of the form timestamp=COLUMN[+COLUMN],message=COLUMN[+COLUMN]."
        )
    return columns


def _mappings() -> Any:
    from logleap.codecs.mappings import MappingsInvalid, load_mappings

    path = os.environ.get("LOGLEAP_MAPPINGS")
    try:
        return load_mappings(Path(path) if path else None)
    except MappingsInvalid as error:
        raise click.UsageError(f"LOGLEAP_MAPPINGS={path}{error}") from None
