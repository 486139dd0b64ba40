"""A form with a file, read as it comes: first its fields, then the file, as a stream in bounded memory."""

import io
from collections.abc import Iterable, Iterator

from werkzeug.sansio.multipart import Data, Field, File, MultipartDecoder, NeedData

from logleap.entrypoints.http.errors.refusals import HttpError

_BUFFER = 1 << 20  # bytes that wait for the end of a header or a boundary
_FIELD_BYTES = 4096
_BEHIND = 4  # bytes: of a boundary's line end, or of its two hyphens and that
_PARTS = 50


class UploadForm:
    """The form in `pieces`, the bytes of a multipart/form-data body.

    `fields` are those before the file, by name; `name` is the file's ("": none was chosen), `file` its bytes.
    Reading `file` raises what `pieces` raises, and HttpError where the form ends in the middle of the file.
    What stands behind the file is left alone.
    """

    def __init__(self, pieces: Iterable[bytes], boundary: str) -> None:
        """Reads the fields. Raises HttpError, and what `pieces` raises."""
        try:
            decoder = MultipartDecoder(boundary.encode("latin-1"), _BUFFER, max_parts=_PARTS)
        except UnicodeEncodeError:
            raise _broken() from None
        self._events = _events(decoder, iter(pieces))
        self.fields: dict[str, str] = {}
        self.name = ""
        self.file: io.RawIOBase | io.BytesIO
        name, value = "", bytearray()
        for event in self._events:
            if isinstance(event, File):
                self.name = event.filename
                self.file = _FileStream(self._events)
                return
            if isinstance(event, Field):
                name, value = event.name or "", bytearray()
            elif isinstance(event, Data):
                value += event.data
                if len(value) > _FIELD_BYTES:
                    raise HttpError(
                        "FORM_INVALID", f"The field {name[:60]!r} has more than {_FIELD_BYTES} bytes."
                    )
                if not event.more_data:
                    self.fields.setdefault(name, value.decode("utf-8", "replace"))
        self.file = io.BytesIO()


class _FileStream(io.RawIOBase):
    """The data of the file's part."""

    def __init__(self, events: Iterator[object]) -> None:
        self._events = events
        self._held = b""
        self._more = True

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        """What is there already, else what comes next."""
        while not self._held and self._more:
            event = next(self._events, None)
            if not isinstance(event, Data):
                raise _broken()
            self._held, self._more = event.data, event.more_data
        size = min(len(buffer), len(self._held))
        buffer[:size] = self._held[:size]
        self._held = self._held[size:]
        return size


def _events(decoder: MultipartDecoder, pieces: Iterator[bytes]) -> Iterator[object]:
    while True:
        try:
            event = decoder.next_event()
            if isinstance(event, NeedData):
                decoder.receive_data(_next_piece(decoder, pieces))
                continue
        except (ValueError, UnicodeDecodeError):  # a form that ends too early, or is none
            raise _broken() from None
        yield event
        if decoder.complete and not isinstance(event, Data | Field | File):
            return


def _next_piece(decoder: MultipartDecoder, pieces: Iterator[bytes]) -> bytes | None:
    """What comes next, such that the decoder never sees a boundary without what stands behind it.

    It would take the carriage return before it for the file's: findings/werkzeug-adds-a-carriage-return.sh.
    """
    mark = b"--" + decoder.boundary
    piece = next(pieces, None)
    while piece is not None:
        end = bytes(decoder.buffer[-len(mark) :]) + piece[-len(mark) - _BEHIND :]
        if mark not in end[-len(mark) - _BEHIND + 1 :] or (more := next(pieces, None)) is None:
            break
        piece += more
    return piece


def _broken() -> HttpError:
    return HttpError(
        "FORM_INVALID", "The form is incomplete or malformed, so nothing was stored. Send it again."
    )
