"""Plain text logs: a line that begins with a time begins an entry, the lines below it belong to it."""

from collections.abc import Iterator

from logleap.client.logfiles._entries import LogEntry
from logleap.client.logfiles._text import MAX_ENTRY, LogText
from logleap.client.logfiles._timestamps import Stamped, Timestamps

LINES_TO_CHOOSE_BY = 100
SHOWN = 60


def read_plain(text: LogText, timestamps: Timestamps) -> Iterator[LogEntry]:
    """The entries of a plain text log.

    The message is the line without its time and what separates the two, then the lines below as they stand,
    but for line ends and blank lines at the end. An entry without text has its line as its message: the time.
    """
    first = [line for line in text.head.split("\n") if line.strip()][:LINES_TO_CHOOSE_BY]
    stamp = timestamps.choose(first)
    entry: _Entry | None = None
    for number, line in enumerate(map(_without_end, text.lines()), 1):
        try:
            stamped = stamp.read(line) if stamp else None
        except ValueError as error:
            raise text.error(number, f"{error}.") from None
        if stamped:
            if entry:
                yield entry.finished()
            entry = _Entry(number, line, stamped)
        elif entry:
            entry.size += len(line)
            if entry.size > MAX_ENTRY:
                raise text.error(
                    entry.number,
                    f"more than {MAX_ENTRY:,} characters without a new time. {timestamps.known_forms()}",
                )
            entry.lines.append(line)
        elif line.strip():
            what = "stands before the first time" if stamp else "begins with no known time"
            raise text.error(number, f"{_beginning(line)} {what}. {timestamps.known_forms()}")
    if entry:
        yield entry.finished()


class _Entry:
    """An entry whose last line is not known yet."""

    def __init__(self, number: int, line: str, stamped: Stamped) -> None:
        self.number = number
        self.whole_line = line
        self.timestamp = stamped.timestamp
        self.lines = [stamped.message]
        self.size = len(line)

    def finished(self) -> LogEntry:
        message = "\n".join(self.lines).strip("\n")
        if not message.strip():
            message = self.whole_line.strip()
        return LogEntry(self.timestamp, message, None, self.number)


def _without_end(line: str) -> str:
    return line.removesuffix("\n").removesuffix("\r")


def _beginning(line: str) -> str:
    return repr(line if len(line) <= SHOWN else line[:SHOWN] + "…")
