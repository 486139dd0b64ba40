from typing import TypeAlias

from logleap.client.logfiles._fast._lines import Form, Found, Now

Table: TypeAlias = tuple[int, bytes, bytes, int, tuple[bytes, ...]]

def scan(
    data: bytes,
    start: int,
    line: int,
    most_entries: int,
    most_bytes: int,
    empty: bool,
    form: Form,
    now: Now,
    table: Table,
    /,
) -> Found:
    """The entries of a table's rows as NDJSON, up to the last row that `data` has whole.

    `table`: the delimiter; the numbers of the fields, from 0, that are the time, and the message; that of the
    context as it stands, or -1; and of each field its name in the context, as JSON with the colon, or none.
    For all else see `_lines.pyi`.
    """
