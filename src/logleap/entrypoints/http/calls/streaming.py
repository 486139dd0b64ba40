"""Streams of entries, and of what is told of them: written, compressed, sent; and what ends with them."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import cast

from flask import Request, Response, g

from logleap.codecs.export.compression import CODINGS
from logleap.codecs.export.texts import csv, ndjson
from logleap.domain.entries import PlacedEntries
from logleap.entrypoints.http.contract import examples
from logleap.entrypoints.http.contract.negotiation import content_coding
from logleap.ordering.scratch import Scratch, ScratchFile
from logleap.usecases.read_entries import EntryStream

log = logging.getLogger(__name__)

NDJSON = "application/x-ndjson"
CSV = "text/csv"
ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"

COUNT_HEADER = "X-Entry-Count"
_ONE_MORE_THREAD = "logleap.one_more_thread"  # see server/tasks.py
_PIECE = 1 << 18  # bytes

Blocks = Iterator[PlacedEntries]
Part = bytes | memoryview
Metadata = Mapping[str, str]


def _arrow(blocks: Blocks, metadata: Metadata) -> Iterator[Part]:
    from logleap.codecs.export.tables import arrow

    return arrow(blocks, metadata)


def _parquet(blocks: Blocks, metadata: Metadata) -> Iterator[Part]:
    from logleap.codecs.export.tables import parquet

    return parquet(blocks, metadata)


@dataclass(frozen=True, slots=True)
class Format:
    """How entries are written: with pyarrow, if it needs that; `compressed`, if it is by itself."""

    write: Callable[[Blocks, Metadata], Iterator[Part]]
    content_type: str
    example: str
    needs_pyarrow: bool = False
    compressed: bool = False


_LINE = json.dumps(examples.ENTRIES["entries"][0]) + "\n"
_ROW = (
    "timestamp,message,context,batchId,sequence\r\n"
    '2026-03-02T05:00:00.123000Z,"conveyor started",,a236259b-e630-4343-a1df-2a6547a9a7a9,0\r\n'
)

FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        NDJSON: Format(lambda blocks, _: ndjson(blocks), NDJSON, _LINE),
        CSV: Format(
            lambda blocks, _: csv(blocks),
            "text/csv; charset=utf-8; header=present",
            _ROW,
        ),
        ARROW: Format(_arrow, ARROW, "(an Arrow IPC stream)", needs_pyarrow=True),
        PARQUET: Format(_parquet, PARQUET, "(a Parquet file)", needs_pyarrow=True, compressed=True),
    }
)
"""By media type."""


def answer(
    request: Request,
    media_type: str,
    data_id: str,
    scratch: Scratch,
    *,
    place: AbstractContextManager[None],
    count: Callable[[], int | None],
    opened: Callable[[], EntryStream],
) -> Response:
    """The response with what `opened` gives; to HEAD, with the number that `count` gives.

    `place`, among the streams under way, is held until the stream ends. `scratch` is the room for what is
    sent with its length.
    """
    form = FORMATS[media_type]
    coding = None if form.compressed else content_coding(request, list(CODINGS))
    headers = {"Vary": "Accept, Accept-Encoding", "Cache-Control": "no-store"}
    if coding is not None:
        headers["Content-Encoding"] = coding
    if request.method == "HEAD":
        if (number := count()) is not None:
            headers[COUNT_HEADER] = str(number)
        response = Response((), headers=headers, content_type=form.content_type)
        response.automatically_set_content_length = False  # GET would not send 0 bytes
        return response
    with ExitStack() as resources:
        resources.enter_context(place)
        stream = opened()
        metadata = {"logleap.dataId": data_id}
        if stream.entries is not None:
            headers[COUNT_HEADER] = metadata["logleap.entries"] = str(stream.entries)
        parts = form.write(stream.blocks, metadata)
        if coding is not None:
            parts = CODINGS[coding](parts)
        parts = chain([next(parts, b"")], parts)  # what fails before that is answered as a problem
        about = f"entries of data set {data_id}"
        return send(
            request, parts, resources, scratch, headers=headers, content_type=form.content_type, about=about
        )


def send(
    request: Request,
    parts: Iterator[Part],
    resources: ExitStack,
    scratch: Scratch,
    *,
    headers: dict[str, str],
    content_type: str,
    about: str,
) -> Response:
    """The response with these parts. It takes `resources` over, and releases them when it ends."""
    with resources:
        if request.environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
            # It has no chunks: without a length a stream that breaks off would look complete.
            file = ScratchFile(scratch)
            resources.callback(file.close)
            for part in parts:
                file.append(part)
            headers["Content-Length"] = str(file.size)
            parts = _read_back(file)
        else:
            parts = _in_pieces(parts, views=_ONE_MORE_THREAD in request.environ)
        another_thread = request.environ.get(_ONE_MORE_THREAD, nullcontext)
        sent = _Sent(parts, resources.pop_all(), another_thread, f"request {g.request_id}: {about}")
    # Werkzeug only hands the parts on.
    return Response(cast("Iterator[bytes]", sent), headers=headers, content_type=content_type)


class _Sent(Iterator[Part]):
    """The parts of a stream; what it holds is released when it ends, however it does."""

    def __init__(
        self, parts: Iterator[Part], resources: ExitStack, another_thread: Callable[..., object], about: str
    ) -> None:
        self._parts = parts
        self._resources = resources
        self._another_thread = another_thread
        self._about = about
        self._begun = False

    def __next__(self) -> Part:
        try:
            if not self._begun:
                self._begun = True
                self._resources.enter_context(self._another_thread())  # type: ignore[arg-type]
            return next(self._parts)
        except StopIteration:
            self.close()
            raise
        except Exception as error:
            log.error("%s: the stream broke off: %s", self._about, error)
            self.close()
            raise

    def close(self) -> None:
        """Release what it holds: also for a client that is gone."""
        self._parts = iter(())  # closes the generators, and what they have opened
        self._resources.close()


def _in_pieces(parts: Iterator[Part], *, views: bool) -> Iterator[Part]:
    """The same in pieces that a server need not put into a file; as `views`, they are not copied."""
    for part in parts:
        view = memoryview(part)
        for place in range(0, len(view), _PIECE):
            piece = view[place : place + _PIECE]
            yield piece if views else piece.tobytes()


def _read_back(file: ScratchFile) -> Iterator[Part]:
    place = 0
    while part := file.read(place, _PIECE):
        yield part
        place += len(part)
