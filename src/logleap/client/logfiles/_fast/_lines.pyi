from typing import TypeAlias

Form: TypeAlias = tuple[str, int, int, int, int, str, int, int, int, int, int, str]
Now: TypeAlias = tuple[int, int, int, int, int, int]
Found: TypeAlias = tuple[bytes, bytes, int, int, int, int, int, int, int, bytes, bytes, int, int]

def scan(
    data: bytes,
    start: int,
    line: int,
    final: bool,
    most_entries: int,
    most_bytes: int,
    empty: bool,
    form: Form,
    now: Now,
    /,
) -> Found:
    """The entries of whole lines as NDJSON.

    `data` ends with a line feed; reading begins at `start`, which is the line of the number `line`. `final`:
    the last entry ends with it. `form` and `now`: see times.py.

    Gives the NDJSON; the numbers of the lines on which its entries begin, as 64-bit numbers; up to where
    `data` is done, and the line that begins there; the last line of the last entry; why it stopped (0 at the
    end, 1 it has `most_entries` or the next one would make it more than `most_bytes`, 2 at a line that is for
    Python, 3 at one whose offset is not known); that line's place, or -1; its local time; the number of lines
    below the first ones; the earliest and latest time; the month and day of the last one.
    """
