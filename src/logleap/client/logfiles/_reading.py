"""What every reader of a format works with: the text, the options, and the way entries leave it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from logleap.client.logfiles._entries.batches import Batch, Batcher
from logleap.client.logfiles._entries.entry import LogEntry
from logleap.client.logfiles._entries.folds import Ambiguous, Folds
from logleap.client.logfiles._errors import BadLine, shown
from logleap.client.logfiles._layout.behind import Undecided
from logleap.client.logfiles._layout.finder import Finder, NoTimes
from logleap.client.logfiles._layout.layout import Layout, Line
from logleap.client.logfiles._options import ReadOptions
from logleap.client.logfiles._report import Report
from logleap.client.logfiles._seam import Seam
from logleap.client.logfiles._text.log_text import LogText
from logleap.client.logfiles._times.clock import Folded
from logleap.client.logfiles._times.years import Years


class Reading:
    """One file that is being read."""

    def __init__(
        self,
        text: LogText,
        options: ReadOptions,
        report: Report,
        batcher: Batcher,
        years: Years | None = None,
        *,
        seam: Seam | None = None,
    ) -> None:
        """Raises LogFileError if the options' form of time is unusable."""
        self.text = text
        self.options = options
        self.report = report
        self.batcher = batcher
        self.seam = seam or Seam()
        self.zones = options.zones()
        self.years = years or options.years()
        try:
            self.finder = Finder(self.zones, self.years, options.timestamp_format)
        except ValueError as error:
            raise text.error(None, f"--timestamp-format {options.timestamp_format!r}: {error}.") from None
        self._folds = Folds(options.repeated_hour)

    def layout(self, sample: Sequence[Line]) -> Layout:
        """How these lines, or the times in them, are written. Raises LogFileError."""
        try:
            return self.finder.find(sample)
        except (NoTimes, Undecided) as error:
            raise self.text.error(error.line, f"{error}.") from None

    def sample_lines(self) -> list[Line]:
        """The cleaned lines at the file's beginning that are text."""
        lines = self.text.sample().decode("utf-8", "surrogateescape").split("\n")
        return [Line(number, line) for number, line in enumerate(lines, 1) if line[:1] != "\udcff"]

    def refuse(self, number: int, line: str, why: str) -> None:
        """Refuses the file for a line, or leaves the line out."""
        if not self.options.skip:
            remedy = "" if "--" in why else ". To leave such lines out: --on-bad-line skip"
            raise self.text.error(number, f"{shown(line)}: {why.rstrip('.')}{remedy}.", left_out=True)
        self.report.skip(number, line, why)

    def is_for_python(self, line: int) -> bool:
        """Whether entries have to be looked at one by one from this line on, whatever their form.

        They are left out, or in an hour that a change of clocks repeats, as far as is known.
        """
        return line <= self.options.skip_lines or self._folds.active

    def give(self, entry: LogEntry, end: int, continuation: int = 0) -> Iterator[Batch]:
        """The batches that are full with this entry, whose last line is `end`."""
        self.report.continuation_lines += continuation
        if isinstance(entry.time, str) and not self._folds.active:
            yield from self._add(entry, end)
            return
        try:
            for settled, last in self._folds.settled(entry, end):
                yield from self._add(settled, last)
        except Ambiguous as error:
            self._refuse_all(error)
            if isinstance(entry.time, str):
                yield from self._add(entry, end)

    def end(self) -> Iterator[Batch]:
        """The last batch."""
        try:
            self._folds.finish()
        except Ambiguous as error:
            self._refuse_all(error)
        yield from self.batcher.close()

    def describe(self, forms: Sequence[str] = ()) -> None:
        """Completes the report."""
        self.report.time_forms = list(forms)
        self.report.zone = self.zones.described() or ("UTC, since 1970" if self.report.entries else "")
        self.report.year = self.years.described()
        self.report.first_year = self.years.first

    def _add(self, entry: LogEntry, end: int) -> Iterator[Batch]:
        self.report.entry(entry)
        yield from self.batcher.add(entry.encoded(), entry.line, end)

    def _refuse_all(self, error: Ambiguous) -> None:
        first = error.entries[0]
        if not self.options.skip:
            raise self.text.error(first.line, f"{shown(first.message)}: {error}.", left_out=True)
        for entry in error.entries:
            self.report.skip(entry.line, entry.message, str(error))


class Times:
    """Reads texts that are times as a whole: of a column, a field."""

    def __init__(self, reading: Reading, sample: Sequence[Line]) -> None:
        """Raises LogFileError if the sample's times have no known form."""
        self._reading = reading
        self.layout = reading.layout(sample)

    def can_read(self, text: str) -> bool:
        """Whether a text has a known form."""
        try:
            return self.layout.read(text) is not None
        except BadLine:
            return True

    def read(self, text: str) -> str | Folded:
        """Raises BadLine."""
        stamped = self.layout.read(text)
        if stamped is None or stamped.message:
            raise BadLine(f"{text[:60]!r} is no known time. {self._reading.finder.known_forms()}")
        return stamped.time

    def forms(self) -> list[str]:
        """The names of the forms that they had."""
        return self.layout.forms_used()


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a file begins: its name without the suffix of a compression, in lower case, and its first lines."""

    name: str
    lines: Sequence[str]

    @property
    def first(self) -> str:
        """The first line that isn't blank."""
        return next((line for line in self.lines if line.strip()), "")


class Reader(NamedTuple):
    """One format: how a file is known to have it, and how it is read."""

    about: str
    recognises: Callable[[Beginning], bool]
    read: Callable[[Reading], Iterator[Batch]]
