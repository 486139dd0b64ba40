"""What was assumed about a file, and what became of its lines: printed after each push."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from logleap.client.logfiles._entries.entry import LogEntry
from logleap.client.logfiles._errors import SHOWN
from logleap.domain.counts import counted

_MOST_NAMED = 100


class Skipped(NamedTuple):
    """A line that was left out, and why."""

    line: int
    text: str
    reason: str


@dataclass(slots=True)
class Report:
    """What one file was read as. Grows while it is read.

    `times`: the earliest and the latest; `first_year`: the one given to the first entry, if its time had
    none; `notes`: what else was done, such as colours taken out.
    """

    name: str
    format: str = ""
    encoding: str = ""
    packing: str | None = None
    time_forms: list[str] = field(default_factory=list)
    zone: str = ""
    year: str | None = None
    first_year: int | None = None
    lines: int = 0
    entries: int = 0
    continuation_lines: int = 0
    skipped_lines: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    first_time: str | None = None
    last_time: str | None = None
    notes: list[str] = field(default_factory=list)

    def skip(self, line: int, text: str, reason: str) -> None:
        """A line is left out."""
        self.skipped_lines += 1
        if len(self.skipped) < _MOST_NAMED:
            self.skipped.append(Skipped(line, text[:SHOWN], reason))

    def entry(self, entry: LogEntry) -> None:
        """An entry was read."""
        self.entries += 1
        if isinstance(entry.time, str):
            self.seen(entry.time, entry.time)

    def seen(self, first: str, last: str) -> None:
        """Entries have times from `first` to `last`."""
        if self.first_time is None or first < self.first_time:
            self.first_time = first
        if self.last_time is None or last > self.last_time:
            self.last_time = last

    def note(self, text: str) -> None:
        """Something else to know, said once."""
        if text not in self.notes:
            self.notes.append(text)

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "file": self.name,
            "format": self.format,
            "encoding": self.encoding,
            "packing": self.packing,
            "timeForms": self.time_forms,
            "zone": self.zone or None,
            "year": self.year,
            "lines": self.lines,
            "entries": self.entries,
            "continuationLines": self.continuation_lines,
            "skippedLines": self.skipped_lines,
            "skipped": [
                {
                    "place": f"line {skipped.line}",
                    "line": skipped.line,
                    "text": skipped.text,
                    "reason": skipped.reason,
                }
                for skipped in self.skipped
            ],
            "firstTime": self.first_time,
            "lastTime": self.last_time,
            "notes": self.notes,
        }

    def in_words(self) -> list[str]:
        """The same in lines of text, without the file's name."""
        more = [counted(self.continuation_lines, "continuation line")] if self.continuation_lines else []
        if self.skipped_lines:
            more.append(f"{self.skipped_lines:,} left out")
        lines, entries = counted(self.lines, "line"), counted(self.entries, "entry")
        said = [f"{lines} → {entries}" + (f" ({', '.join(more)})" if more else "")]
        if self.first_time is not None:
            said.append(f"from {self.first_time} to {self.last_time}")
        if self.time_forms:
            said.append("times: " + ", ".join(self.time_forms))
        if self.zone:
            said.append(f"zone: {self.zone}")
        if self.year:
            said.append(f"year: {self.year}")
        packed = f", packed by {self.packing}" if self.packing else ""
        said.append(f"read as {self.format}, {self.encoding}{packed}")
        said += self.notes
        said += [f"left out: line {one.line}, {one.text!r}: {one.reason}" for one in self.skipped[:10]]
        if self.skipped_lines > 10:
            said.append(f"left out: {counted(self.skipped_lines - 10, 'more line')}")
        return said
