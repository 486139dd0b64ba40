"""The one way in: which format a file has, and its entries in batches."""

import json
import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any, BinaryIO

from logleap.client.logfiles._entries.batches import Batch, Batcher, Limits
from logleap.client.logfiles._errors import LogFileError, shown
from logleap.client.logfiles._formats import READERS
from logleap.client.logfiles._options import ReadOptions
from logleap.client.logfiles._reading import Beginning, Reading
from logleap.client.logfiles._report import Report
from logleap.client.logfiles._seam import Head, Seam
from logleap.client.logfiles._text.log_text import LogText
from logleap.client.logfiles._times.years import Years
from logleap.codecs.limits import REQUEST_BYTES

FORMATS = ("auto", *READERS)

PACKED = re.compile(r"\.(?:gz|zst|bz2|xz)$")
"""How the name of a packed file ends."""

_NUMBERED = re.compile(r"\.\d{1,4}$")
_LINES_TO_CHOOSE_BY = 100
_LIMITS = Limits(50_000, REQUEST_BYTES)


class LogFile:
    """A log file, whose format is known by its beginning. `report` tells what it is read as, and grows."""

    def __init__(
        self,
        stream: BinaryIO,
        *,
        name: str = "-",
        options: ReadOptions | None = None,
        years: Years | None = None,
        seam: Seam | None = None,
    ) -> None:
        """Reads the beginning of a stream, which needn't be seekable and stays open.

        `name`: the file's; errors say it, and its suffix helps to tell the format. "-" is standard input.
        `years`: those of the file before it, which this one goes on from. `seam`: how it goes together with
        the files before and behind it. Raises LogFileError if nothing can be read.
        """
        self._options = options or ReadOptions()
        self._years = years
        self._seam = seam or Seam()
        self._text = LogText(
            stream,
            name=name,
            encoding=self._options.encoding,
            skip=self._options.skip,
            most=self._options.unpacked_bytes,
        )
        self.name = name
        self.report = Report(name, packing=self._text.packing)
        self.report.encoding = f"{self._text.encoding.name} ({self._text.encoding.known})"
        self.report.format = self._format()

    def batches(self, limits: Limits = _LIMITS) -> Iterator[Batch]:
        """The entries in the file's order, in bounded memory whatever its size.

        The same bytes, options and limits give the same batches. Raises LogFileError at the first line that
        can't be read; the batches before it were given.
        """
        batcher = Batcher(self.name, limits, self._options.skip_lines)
        reading = Reading(self._text, self._options, self.report, batcher, self._years, seam=self._seam)
        if not self._text.empty:
            yield from READERS[self.report.format].read(reading)
        if self._seam.rest is not None:
            self._tell_of(self._seam.rest)
        for what in self._text.cleaned():
            self.report.note(f"taken out of the lines: {what}")
        if self._text.note:
            self.report.note(self._text.note)

    @property
    def head(self) -> Head | None:
        """Its first lines, if they belong to the last entry of the file before.

        Known once entries are read.
        """
        lines = self._seam.above
        return Head(self.name, tuple(lines)) if any(line.strip() for line in lines) else None

    @property
    def passed_sample(self) -> bool:
        """Whether all of the file's beginning has been read, by which its format and times are found."""
        return self._text.passed_sample

    def entries(self) -> Iterator[dict[str, Any]]:
        """The entries as `POST /data/{dataId}` takes them."""
        for batch in self.batches():
            yield from map(json.loads, batch.body.splitlines())

    def _tell_of(self, rest: Head) -> None:
        if self._seam.joined:
            self.report.note(f"its last entry goes on up to line {len(rest.lines):,} of {rest.name}")
            return
        why = f"it stands before the first time, and {self.name} ends with no entry that it could belong to"
        if not self._options.skip:
            first = next(line for line in rest.lines if line.strip())
            remedy = "To leave such lines out: --on-bad-line skip"
            raise LogFileError(rest.name, 1, f"{shown(first)}: {why}. {remedy}.", left_out=True)
        for number, line in enumerate(rest.lines, 1):
            self.report.skip(number, line, f"of {rest.name}: {why}")

    def _format(self) -> str:
        if self._options.format != "auto":
            return self._options.format
        if self._options.columns is not None:
            return "csv"
        sample = self._text.sample().decode("utf-8", "replace").lstrip("\n")
        name = _NUMBERED.sub("", PACKED.sub("", PurePath(self.name).name.lower()))
        beginning = Beginning(name, sample.split("\n")[:_LINES_TO_CHOOSE_BY])
        if beginning.first.startswith("__CURSOR="):
            raise LogFileError(self.name, 1, "this is journald's export format. Try: journalctl -o json.")
        if self._options.mapping is not None and not beginning.first.lstrip("\x1e ").startswith(("{", "[")):
            raise LogFileError(
                self.name, 1, f"--mapping {self._options.mapping} is for JSON, which this is not."
            )
        return next(format for format, reader in READERS.items() if reader.recognises(beginning))
