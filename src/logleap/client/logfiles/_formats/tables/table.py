"""CSV and TSV: which columns are the time and the message is named, or shows by their names."""

import csv
from collections.abc import Iterator

from logleap.client.logfiles._entries.batches import Batch
from logleap.client.logfiles._formats.tables.columns import columns_of, delimiter_of, names_time_and_message
from logleap.client.logfiles._formats.tables.rows import Rows, Table, numbered, text_lines
from logleap.client.logfiles._layout.layout import Line
from logleap.client.logfiles._reading import Beginning, Reader, Reading
from logleap.client.logfiles._text.log_text import MAX_ENTRY, UNDECODED


def _recognises(beginning: Beginning) -> bool:
    return beginning.name.endswith((".csv", ".tsv")) or names_time_and_message(beginning.first)


def _read(reading: Reading) -> Iterator[Batch]:
    """An entry a row. Columns beside the time and the message become the context, a JSON object.

    Side effect: raises the csv module's limit of 128 KiB a field, which holds for the whole process.
    """
    csv.field_size_limit(max(csv.field_size_limit(), MAX_ENTRY))
    sample = reading.text.raw_sample().replace(UNDECODED, b"").decode()
    whole_lines = sample[: sample.rfind("\n") + 1] or sample
    delimiter, skipped = delimiter_of(reading, sample)
    lines = list(text_lines(whole_lines.encode()))[skipped:]
    rows = list(numbered(reading, csv.reader(lines, delimiter=delimiter, strict=True), skipped, last=True))
    if not rows:
        yield from reading.end()
        return
    columns, headed = columns_of(reading, rows)
    body = rows[headed:]
    texts = [Line(number, columns.time_of(row)) for number, row in body if len(row) == len(columns.names)]
    if body and not texts:
        raise reading.text.error(body[0][0], columns.wrong_length(body[0][1]))
    entries = Rows(reading, Table(columns, rows[0][1] if headed else None, delimiter, skipped), texts)
    try:
        yield from entries.batches()
        yield from reading.end()
    finally:
        reading.describe(entries.forms())


READER = Reader("CSV and TSV, by --columns or the names of their columns", _recognises, _read)
