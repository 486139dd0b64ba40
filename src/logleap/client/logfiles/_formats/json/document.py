"""JSON documents: an array of entries, an object that holds one, or objects one after another."""

import re
from collections.abc import Iterator

from logleap.client.logfiles._entries.batches import Batch
from logleap.client.logfiles._formats.json.reading import give_all, refuse_times
from logleap.client.logfiles._formats.json.shapes import shape_of
from logleap.client.logfiles._formats.json.texts import documents
from logleap.client.logfiles._reading import Beginning, Reader, Reading

_ARRAY = re.compile(r"\[\s*(\{|\]\s*\Z|\Z)")


def _recognises(beginning: Beginning) -> bool:
    start = "\n".join(beginning.lines).lstrip()
    return beginning.name.endswith(".json") or start.startswith("{") or _ARRAY.match(start) is not None


def _read(reading: Reading) -> Iterator[Batch]:
    refuse_times(reading)
    yield from give_all(reading, documents(reading), shape_of(reading))


READER = Reader('JSON: an array of entries, or {"events": […]}', _recognises, _read)
