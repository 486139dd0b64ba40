"""What the readers of JSON have in common: each text becomes an entry, or is refused with a remedy."""

from collections.abc import Iterable, Iterator

from logleap.client.logfiles._entries.batches import Batch
from logleap.client.logfiles._errors import BadLine
from logleap.client.logfiles._formats.json.shapes import Shape, remedy
from logleap.client.logfiles._formats.json.texts import JsonText
from logleap.client.logfiles._reading import Reading


def refuse_times(reading: Reading) -> None:
    """Raises LogFileError for options that JSON's times do not obey, rather than ignore them."""
    if reading.options.timestamp_format is not None:
        raise reading.text.error(
            None, "--timestamp-format is not for JSON, whose times are RFC 3339 or named by --mapping."
        )


def give_all(reading: Reading, texts: Iterable[JsonText], shape: Shape) -> Iterator[Batch]:
    """The batches of all texts, to the last one."""
    try:
        yield from give_each(reading, texts, shape)
        yield from reading.end()
    finally:
        describe(reading)


def give_each(reading: Reading, texts: Iterable[JsonText], shape: Shape) -> Iterator[Batch]:
    """The batches that are full with these texts."""
    for text in texts:
        for entry in shape(text):
            if isinstance(entry, BadLine):
                cure = "" if reading.options.skip else remedy(reading, text.text)
                reading.refuse(text.line, shown(text.text), f"{entry}{cure}")
            else:
                yield from reading.give(entry, text.end, text.end - text.line)


def describe(reading: Reading) -> None:
    """Completes the report."""
    mapping = reading.options.mapping
    reading.describe(["RFC 3339" if mapping is None else f"by mapping {mapping}"])
    if reading.report.entries:
        reading.report.zone = reading.report.zone or "as the times say"


def shown(text: bytes) -> str:
    """The beginning of a JSON text, for an error."""
    return text[:200].decode(errors="replace")
