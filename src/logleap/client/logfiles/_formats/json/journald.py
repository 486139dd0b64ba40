"""journald's JSON (`journalctl -o json`), by its mapping."""

from collections.abc import Iterator

from logleap.client.logfiles._entries.batches import Batch
from logleap.client.logfiles._formats.json.reading import give_all, refuse_times
from logleap.client.logfiles._formats.json.shapes import shape_of
from logleap.client.logfiles._formats.json.texts import documents
from logleap.client.logfiles._reading import Beginning, Reader, Reading

MAPPING = "journald"


def _recognises(beginning: Beginning) -> bool:
    start = "\n".join(beginning.lines).lstrip("\x1e \n")
    return start.startswith("{") and '"__REALTIME_TIMESTAMP"' in start and '"MESSAGE"' in start


def _read(reading: Reading) -> Iterator[Batch]:
    refuse_times(reading)
    yield from give_all(reading, documents(reading), shape_of(reading, reading.options.mapping or MAPPING))


READER = Reader("journalctl -o json, by the mapping journald", _recognises, _read)
