"""What reading a log file gives: entries, or an error that names the line."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of a log file.

    `timestamp` is an aware datetime in UTC for plain and CSV files. JSON files give their string as it
    stands, so that the server judges it. `line` is the line of the file (from 1) on which the entry begins.
    """

    timestamp: datetime | str
    message: str
    context: object | None
    line: int

    def to_json(self) -> dict[str, object]:
        """The entry as `POST /data/{dataId}` takes it: JSON values only, `context` only if there is one."""
        moment = self.timestamp if isinstance(self.timestamp, str) else self.timestamp.isoformat()
        entry: dict[str, object] = {"timestamp": moment, "message": self.message}
        if self.context is not None:
            entry["context"] = self.context
        return entry


class LogFileError(ValueError):
    """A file that can't be read as a log. `str()` names the file, the line if there is one, and a remedy."""

    def __init__(self, name: str, line: int | None, detail: str) -> None:
        self.name = name
        self.line = line
        self.detail = detail
        file = "standard input" if name == "-" else name
        super().__init__(f"{file}: {detail}" if line is None else f"{file}, line {line}: {detail}")
