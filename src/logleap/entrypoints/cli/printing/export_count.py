"""How many entries an export has, counted in what has arrived, and how far it is."""

import sys
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

import click

from logleap.domain.counts import counted

_SECONDS_BETWEEN_LINES = 5.0
_SECONDS_BETWEEN_UPDATES = 0.2


class Count:
    """Counts bytes, and entries as far as the format allows it: `so_far` and, of the whole file, `result`."""

    def __init__(self) -> None:
        self.bytes = 0

    @property
    def so_far(self) -> int | None:
        """Entries in what has arrived; None: that cannot be told yet."""
        return None

    def add(self, part: bytes) -> None:
        """The next part of the file."""
        self.bytes += len(part)

    def result(self, path: Path) -> int | None:
        """Entries in the file, which is complete; None: that needs pyarrow."""
        return self.so_far


class _Lines(Count):
    """NDJSON: an entry per line."""

    lines = 0

    @property
    def so_far(self) -> int | None:
        return self.lines

    def add(self, part: bytes) -> None:
        super().add(part)
        self.lines += part.count(b"\n")


class _CsvRows(_Lines):
    """CSV: a line per entry and the header; what is in quotes may have line breaks of its own."""

    lines = -1
    quoted = False

    def add(self, part: bytes) -> None:
        Count.add(self, part)
        for number, piece in enumerate(part.split(b'"')):
            if number:
                self.quoted = not self.quoted
            if not self.quoted:
                self.lines += piece.count(b"\n")

    def result(self, path: Path) -> int | None:
        return self.lines


class _Arrow(Count):
    def result(self, path: Path) -> int | None:
        if find_spec("pyarrow") is None:
            return None
        import pyarrow as pa

        with pa.OSFile(str(path), "rb") as file, pa.ipc.open_stream(file) as reader:
            return sum(batch.num_rows for batch in reader)


class _Parquet(Count):
    def result(self, path: Path) -> int | None:
        if find_spec("pyarrow") is None:
            return None
        import pyarrow.parquet as pq

        return int(pq.read_metadata(path).num_rows)


COUNTS: Mapping[str, type[Count]] = MappingProxyType(
    {"ndjson": _Lines, "csv": _CsvRows, "arrow": _Arrow, "parquet": _Parquet}
)
"""By format."""


class Progress:
    """A line on stderr: rewritten while a person watches, one now and then where it is piped."""

    def __init__(self, count: Count, entries: int | None, *, quiet: bool) -> None:
        """`entries`: how many there will be."""
        self._count = count
        self._entries = entries
        self._quiet = quiet
        self._watched = sys.stderr.isatty()
        self._began = self._told = time.monotonic()

    def show(self) -> None:
        """Show how far it is, if it is time to."""
        now = time.monotonic()
        pause = _SECONDS_BETWEEN_UPDATES if self._watched else _SECONDS_BETWEEN_LINES
        if not self._quiet and now - self._told >= pause:
            self._told = now
            said = self._said(now)
            click.echo(f"\r{said}\x1b[K" if self._watched else said, nl=not self._watched, err=True)

    def end(self) -> None:
        """Clear the line."""
        if self._watched and not self._quiet:
            click.echo("\r\x1b[K", nl=False, err=True)

    def _said(self, now: float) -> str:
        done, known = self._count.so_far, self._entries
        speed = self._count.bytes / max(now - self._began, 0.001) / 1e6
        entries = ""
        if done is not None:
            of = "" if known is None else f"{done:,} of "
            entries = f"{of}{counted(done if known is None else known, 'entry')}, "
        return f"{entries}{self._count.bytes / 1e6:,.1f} MB, {speed:.1f} MB/s"
