def parse(
    data: bytes, lines: bool, deepest: int, /
) -> tuple[bytes, list[str], list[str | None], int, int, int] | None:
    """The columns of the entries in `data`, a JSON array or one a line; the bytes of the longest entry, and
    the times of the earliest and the latest one.

    None: some of it is wrong, or right but not as usual (an escape in a field's name, a leap second, no entry
    at all, a blank line, a context nested deeper than `deepest`), and needs a closer look. Times are 64-bit
    integers in the machine's byte order: microseconds since 1970 (UTC).
    """
