"""Refusals of bodies that do not decode into entries: what is wrong, and where."""

from collections.abc import Sequence
from typing import NamedTuple

from logleap.domain.errors import Refusal


class Place(NamedTuple):
    """A place in a text, each number counted from 1; `column` counts characters."""

    byte: int
    line: int
    column: int

    @classmethod
    def of(cls, data: bytes, position: int) -> "Place":
        """The place of the byte at `position` (from 0). What stands before it must be UTF-8."""
        line = data.count(b"\n", 0, position) + 1
        column = len(data[data.rfind(b"\n", 0, position) + 1 : position].decode()) + 1
        return cls(position + 1, line, column)

    def __str__(self) -> str:
        return f"byte {self.byte} (line {self.line}, column {self.column})"


# ---- the body as bytes -------------------------------------------------------------------------------------


class BodyBrokenOff(Refusal):
    """The body could not be read beyond its first `received` bytes."""

    def __init__(self, received: int) -> None:
        super().__init__(f"the body broke off after {received} bytes")
        self.received = received


class BodyTooShort(Refusal):
    """The body ended after `received` bytes, before the `declared` ones."""

    def __init__(self, received: int, declared: int) -> None:
        super().__init__(f"the body ended after {received} of {declared} bytes")
        self.received = received
        self.declared = declared


class BodyTooLarge(Refusal):
    """The body has more than `limit` bytes, as sent or inflated."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the body has more than {limit} bytes")
        self.limit = limit


class GzipMalformed(Refusal):
    """The body is not whole gzip; `problem` continues a sentence about it."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"the gzip body {problem}")
        self.problem = problem


class ZstdMalformed(Refusal):
    """The body is not whole zstd; `problem` continues a sentence about it."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"the zstd body {problem}")
        self.problem = problem


# ---- JSON and NDJSON ---------------------------------------------------------------------------------------


class UnsupportedCharset(Refusal):
    """The text of the body is said to be in `charset`, which is not UTF-8."""

    def __init__(self, charset: str) -> None:
        super().__init__(f"the body is in {charset[:40]!r}, not in UTF-8")
        self.charset = charset


class BodyEmpty(Refusal):
    """The JSON body has nothing but white space."""

    def __init__(self) -> None:
        super().__init__("the body is empty")


class BodyNotUtf8(Refusal):
    """The JSON body is not UTF-8 from `place` on."""

    def __init__(self, place: Place) -> None:
        super().__init__(f"the body is not UTF-8 at {place}")
        self.place = place


class JsonMalformed(Refusal):
    """The body is not JSON from `place` on (`trailing`: up to there it is); `problem`: what was expected."""

    def __init__(self, place: Place, problem: str, *, trailing: bool = False) -> None:
        super().__init__(f"the body is not JSON at {place}: {problem}")
        self.place = place
        self.problem = problem
        self.trailing = trailing


class BodyNotEntries(Refusal):
    """The JSON body is neither an entry, nor an array of entries, nor an object with nothing but those."""

    def __init__(self) -> None:
        super().__init__("the body is neither an entry nor several")


class EntryTooLarge(Refusal):
    """The entry `index` (from 0), in NDJSON on `line` (from 1), has more than `limit` bytes."""

    def __init__(self, limit: int, index: int, line: int | None = None) -> None:
        super().__init__(f"the entry with index {index} has more than {limit} bytes")
        self.limit = limit
        self.index = index
        self.line = line


class TooManyEntries(Refusal):
    """The JSON body has more than `limit` entries."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the body has more than {limit} entries")
        self.limit = limit


class MappingUnknown(Refusal):
    """There is no field mapping `name` among those `known`."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"there is no mapping {name[:40]!r}")
        self.name = name
        self.known = known


# ---- OTLP --------------------------------------------------------------------------------------------------


class ProtobufMalformed(Refusal):
    """The body is no export of logs in protobuf; `problem` is the parser's text."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"the body is no export in protobuf: {problem}")
        self.problem = problem


class JsonExportMalformed(Refusal):
    """The body is no export of logs in JSON; `problem` is the parser's text."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"the body is no export in JSON: {problem}")
        self.problem = problem


class TooManyRecords(Refusal):
    """The export has more than `limit` log records."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the export has more than {limit} log records")
        self.limit = limit


class ExportTooLarge(Refusal):
    """With its resource in each entry the export has more than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the export as entries has more than {limit} bytes")
        self.limit = limit


class InvalidRecords(Refusal):
    """None of the export's `total` log records can be taken; `first` says why not the first of them."""

    def __init__(self, total: int, first: str) -> None:
        super().__init__(f"none of the {total} log records can be taken: {first}")
        self.total = total
        self.first = first
