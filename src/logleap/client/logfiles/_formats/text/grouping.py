"""Lines into entries: a line with a time begins one, the lines below belong to it."""

import re
from typing import NamedTuple

from logleap.client.logfiles._entries.entry import LogEntry
from logleap.client.logfiles._errors import BadLine, LogFileError
from logleap.client.logfiles._layout.layout import Layout
from logleap.client.logfiles._layout.stamps import Stamped
from logleap.client.logfiles._reading import Reading
from logleap.client.logfiles._seam import Head
from logleap.client.logfiles._text.log_text import MAX_ENTRY

UNDECODED = "\udcff"  # as `LogText.lines` gives it

# What programs write between lines, that is no part of an entry.
_MARKS = re.compile(
    r"-- (?:Boot [0-9a-f]+|Reboot|Logs begin at .*|Journal begins at .*|No entries) --|==> .* <=="
    r"|-- Logs begin at [^-].*"
)


_BEGIN_MARKS = frozenset("-=")


class Grouped(NamedTuple):
    """An entry whose last line is known, and how many lines below the first it has that aren't blank."""

    entry: LogEntry
    end: int
    continuation: int


class Grouper:
    """Takes the lines of a file one by one.

    The message is the line without its time and what separates the two, then the lines below as they stand,
    but for blank lines at the end. An entry without text has its line as its message: the time. Where lines
    that can't be told apart are left out, the lines below that may belong to them are, too.
    """

    def __init__(self, reading: Reading, layout: Layout) -> None:
        self._reading = reading
        self._layout = layout
        self._report = reading.report
        self._blanks = "" if layout.indented else " \t"  # what a line below may begin with
        self._line = ""
        self._number = 0
        self._end = 0
        self._stamped: Stamped | None = None
        self._below: list[str] = []
        self._size = 0
        self._left_out = False
        self._begun = False

    @property
    def open(self) -> bool:
        """Whether an entry is begun, or lines are left out until the next one begins."""
        return self._stamped is not None or self._left_out

    @property
    def begun(self) -> int:
        """The line on which the entry at hand begins; 0 if there is none."""
        return self._number if self._stamped is not None else 0

    def drop(self) -> None:
        """Forgets the entry that is begun: it is read again by other means."""
        self._stamped, self._left_out = None, False

    def take(self, number: int, line: str) -> Grouped | None:
        """The entry that ended with the line before, if one did. Raises LogFileError."""
        first = line[:1]
        if first in self._blanks and self._stamped is not None:  # nine of ten lines of a stack trace
            self._below.append(line)
            self._end = number
            self._size += len(line)
            if self._size > MAX_ENTRY:
                raise self._too_long()
            return None
        if first == UNDECODED:
            return self._leave_out_undecoded(number, line[1:])
        try:
            stamped = self._layout.read(line)
        except BadLine as bad:
            self._reading.refuse(number, line, str(bad))
            ended = self.finish()
            self._left_out = True
            return ended
        if stamped is not None:
            self._begin_first()
            ended = self.finish()
            self._line, self._number, self._end, self._stamped = line, number, number, stamped
            self._below = []
            self._size = len(line)
            return ended
        self._take_below(number, line)
        return None

    def go_on(self, rest: Head) -> bool:
        """Adds to the entry at hand what the next file begins with; False if there is none."""
        if self._stamped is None:
            return False
        for line in rest.lines:
            self._append(self._end, line)
        return True

    def finish(self) -> Grouped | None:
        """The entry at hand, which ends."""
        stamped = self._stamped
        self._stamped, self._left_out = None, False
        if stamped is None:
            return None
        below = self._below
        message = stamped.message
        if below:
            message = "\n".join([message, *below]).strip("\n")
        if not message.strip():
            message = self._line.strip()
        context = None
        if stamped.priority is not None:
            context = f'{{"PRIORITY":"{stamped.priority % 8}","SYSLOG_FACILITY":"{stamped.priority // 8}"}}'
        continuation = len([line for line in below if line.strip(" \t")])
        return Grouped(LogEntry(stamped.time, message, context, self._number), self._end, continuation)

    def _begin_first(self) -> None:
        above = self._reading.seam.above
        if not self._begun and any(line.strip() for line in above):
            self._report.note(f"up to line {len(above):,} it belongs to the last entry of the file before")
        self._begun = True

    def _append(self, number: int, line: str) -> None:
        self._below.append(line)
        self._end = number
        self._size += len(line)
        if self._size > MAX_ENTRY:
            raise self._too_long()

    def _too_long(self) -> LogFileError:
        return self._reading.text.error(
            self._number, f"more than {MAX_ENTRY:,} characters without a new time"
        )

    def _leave_out_undecoded(self, number: int, line: str) -> Grouped | None:
        self._report.skip(number, line, "it is not text in the file's encoding")
        try:
            begins = self._layout.read(line) is not None
        except BadLine:
            begins = True
        if not begins:
            return None
        ended = self.finish()
        self._left_out = True
        return ended

    def _take_below(self, number: int, line: str) -> None:
        if line[:1] in _BEGIN_MARKS and _MARKS.fullmatch(line):
            self._report.skip(number, line, "a mark between entries")
        elif self._stamped is not None:
            self._append(number, line)
        elif self._reading.seam.continues and not self._begun and not self._left_out:
            self._size += len(line)
            self._reading.seam.above.append(line)
            if self._size > MAX_ENTRY:
                raise self._too_long()
        elif line.strip():
            if self._left_out:
                self._report.skip(number, line, "it stands below a line that was left out")
            else:
                self._reading.refuse(number, line, "it stands before the first time")
