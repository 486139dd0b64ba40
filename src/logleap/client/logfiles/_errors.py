"""What can be wrong with a log file: the error that ends a push, and the one that a single line raises."""

SHOWN = 60


class LogFileError(ValueError):
    """A file that can't be read as a log. `str()` names the file, the line if there is one, and a remedy.

    `line`: the line of the file, from 1; None if it is about the file as a whole.
    `left_out`: whether `--on-bad-line skip` leaves the line out and goes on.
    """

    def __init__(self, name: str, line: int | None, detail: str, *, left_out: bool = False) -> None:
        self.name = name
        self.line = line
        self.detail = detail
        self.left_out = left_out
        file = shown_name(name)
        super().__init__(f"{file}: {detail}" if line is None else f"{file}, line {line}: {detail}")


def unreadable(name: str, error: OSError) -> LogFileError:
    """The error to raise where a file can't be opened, or its disk doesn't give its bytes."""
    return LogFileError(name, None, f"it cannot be read: {error.strerror or error}.")


class BadLine(ValueError):
    """A line that can't be read with certainty. The text says why, and what settles it."""


def shown_name(name: str) -> str:
    """What to call a file."""
    return "standard input" if name == "-" else name


def shown(text: str) -> str:
    """What an error quotes of `text`."""
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "…")
