"""The call that reads entries: pages, and streams of all that is selected."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain
from types import MappingProxyType
from urllib.parse import unquote_to_bytes

from flask import Request, Response, g

from logleap.codecs.export.compression import CODINGS
from logleap.codecs.export.texts import csv, ndjson
from logleap.domain.entries import PlacedEntries
from logleap.domain.errors import DatasetNotFound, EntryNotFound, InvalidTransition, PositionNotFound
from logleap.domain.selection import Selection
from logleap.entrypoints.http.calls.long_calls import LongCalls, long_call
from logleap.entrypoints.http.contract import examples
from logleap.entrypoints.http.contract.blueprint import Api
from logleap.entrypoints.http.contract.negotiation import content_coding, preferred
from logleap.entrypoints.http.contract.paging import entries_position, entries_token
from logleap.entrypoints.http.contract.requests import (
    DEFAULT_AROUND,
    DEFAULT_PAGE_SIZE,
    EntriesQuery,
    parse_query,
)
from logleap.entrypoints.http.contract.responses import EntryPage
from logleap.entrypoints.http.errors.refusals import Busy, HttpError
from logleap.extras import install_command
from logleap.ordering.scratch import Scratch, ScratchFile
from logleap.ports.archive import ArchiveDamaged
from logleap.ports.errors import CountMismatch, TemporarySpaceFull
from logleap.usecases.read_entries import ReadEntries

log = logging.getLogger(__name__)

TAG = "Entries"
JSON = "application/json"
NDJSON = "application/x-ndjson"
CSV = "text/csv"
ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"

COUNT_HEADER = "X-Entry-Count"
_ONE_MORE_THREAD = "logleap.one_more_thread"  # see server/tasks.py
_PIECE = 1 << 18  # bytes

Blocks = Iterator[PlacedEntries]
Metadata = Mapping[str, str]


def _arrow(blocks: Blocks, metadata: Metadata) -> Iterator[bytes]:
    from logleap.codecs.export.tables import arrow

    return arrow(blocks, metadata)


def _parquet(blocks: Blocks, metadata: Metadata) -> Iterator[bytes]:
    from logleap.codecs.export.tables import parquet

    return parquet(blocks, metadata)


@dataclass(frozen=True, slots=True)
class _Format:
    """How entries are written; `compressed` by itself, if it is; with pyarrow, if it needs that."""

    write: Callable[[Blocks, Metadata], Iterator[bytes]]
    content_type: str
    example: str | None = None
    needs_pyarrow: bool = False
    compressed: bool = False


_LINE = json.dumps(examples.ENTRIES["entries"][1])

FORMATS: Mapping[str, _Format] = MappingProxyType(
    {
        NDJSON: _Format(lambda blocks, _: ndjson(blocks), NDJSON, f"{_LINE}\n"),
        CSV: _Format(lambda blocks, _: csv(blocks), "text/csv; charset=utf-8; header=present"),
        ARROW: _Format(_arrow, ARROW, needs_pyarrow=True),
        PARQUET: _Format(_parquet, PARQUET, needs_pyarrow=True, compressed=True),
    }
)
"""By media type."""


def _content(form: _Format) -> Mapping[str, object]:
    if form.needs_pyarrow:
        return {"schema": {"type": "string", "format": "binary"}}
    schema = {"schema": {"type": "string"}}
    return schema if form.example is None else {**schema, "example": form.example}


def add(api: Api, read: ReadEntries, streams: LongCalls, scratch: Scratch) -> None:
    """Read entries. `streams` are those under way; `scratch` is the room for what is sent with its length."""

    @api.call(
        "GET",
        "/data/<dataId>/entries",
        tag=TAG,
        query=EntriesQuery,
        answer=EntryPage,
        example=examples.ENTRIES,
        streams={media_type: _content(form) for media_type, form in FORMATS.items()},
        answer_headers=[COUNT_HEADER],
        raises=[
            ArchiveDamaged,
            Busy,
            CountMismatch,
            DatasetNotFound,
            EntryNotFound,
            InvalidTransition,
            PositionNotFound,
            TemporarySpaceFull,
        ],
    )
    def read_entries(request: Request, data_id: str) -> Response:
        """Read the acknowledged entries, in the order of time.

        Entries at the same time are ordered by message, context, batch and position. As JSON a page of them
        is answered. With another `Accept` all that are selected are answered as a stream: one that breaks off
        ends without HTTP's last chunk, a Parquet file without its footer, and a stream of all entries says
        their number first, in `X-Entry-Count` and in the metadata of an Arrow schema (`logleap.entries`).
        Streams are compressed by `Accept-Encoding` (`zstd`, `gzip`).
        """
        query = parse_query(EntriesQuery, request)
        _check(query, request)
        media_type = _media_type(request)
        if media_type != JSON:
            _refuse_page_parameters(query, media_type)
            return _stream(request, data_id, Selection(query.start, query.end, query.contains), media_type)
        if query.around is not None:
            batch_id, sequence = query.around
            before = DEFAULT_AROUND if query.before is None else query.before
            after = DEFAULT_AROUND if query.after is None else query.after
            found = read.around(g.owner, data_id, batch_id, sequence, before=before, after=after)
            return EntryPage.of(found, None).response()
        mark = json.dumps([data_id, query.start, query.end, query.contains])
        position = entries_position(query.page_token, mark)
        selection = Selection(query.start, query.end, query.contains, position)
        page = read.page(g.owner, data_id, selection, query.page_size or DEFAULT_PAGE_SIZE)
        return EntryPage.of(page.entries, entries_token(page.following, mark)).response()

    def _stream(request: Request, data_id: str, selection: Selection, media_type: str) -> Response:
        form = FORMATS[media_type]
        coding = None if form.compressed else content_coding(request, list(CODINGS))
        headers = {"Vary": "Accept, Accept-Encoding", "Cache-Control": "no-store"}
        if coding is not None:
            headers["Content-Encoding"] = coding
        if request.method == "HEAD":
            number = read.count(g.owner, data_id)
            if selection.whole:
                headers[COUNT_HEADER] = str(number)
            response = Response((), headers=headers, content_type=form.content_type)
            response.automatically_set_content_length = False  # GET would not send 0 bytes
            return response
        with ExitStack() as resources:
            resources.enter_context(long_call(streams))
            stream = read.stream(g.owner, data_id, selection)
            metadata = {"logleap.dataId": data_id}
            if stream.entries is not None:
                headers[COUNT_HEADER] = metadata["logleap.entries"] = str(stream.entries)
            parts = form.write(stream.blocks, metadata)
            if coding is not None:
                parts = CODINGS[coding](parts)
            parts = chain([next(parts, b"")], parts)  # what fails before that is answered as a problem
            if request.environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
                # It has no chunks: without a length a stream that breaks off would look complete.
                file = ScratchFile(scratch)
                resources.callback(file.close)
                for part in parts:
                    file.append(part)
                headers["Content-Length"] = str(file.size)
                parts = _read_back(file)
            another_thread = request.environ.get(_ONE_MORE_THREAD, nullcontext)
            about = f"request {g.request_id}: entries of data set {data_id}"
            sent = _Sent(parts, resources.pop_all(), another_thread, about)
        return Response(sent, headers=headers, content_type=form.content_type)


class _Sent(Iterator[bytes]):
    """The parts of a stream; what it holds is released when it ends, however it does."""

    def __init__(
        self, parts: Iterator[bytes], resources: ExitStack, another_thread: Callable[..., object], about: str
    ) -> None:
        self._parts = parts
        self._resources = resources
        self._another_thread = another_thread
        self._about = about
        self._begun = False

    def __next__(self) -> bytes:
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


def _read_back(file: ScratchFile) -> Iterator[bytes]:
    place = 0
    while part := file.read(place, _PIECE):
        yield part
        place += len(part)


def _media_type(request: Request) -> str:
    """The one to answer in. Raises HttpError (406) if the client accepts only what needs pyarrow."""
    with_pyarrow = find_spec("pyarrow") is not None
    offered = [JSON, *(name for name, form in FORMATS.items() if with_pyarrow or not form.needs_pyarrow)]
    chosen = preferred(request, offered)
    if chosen is None:
        raise HttpError(
            "NOT_ACCEPTABLE",
            "Arrow and Parquet need pyarrow, which the server does not have. The operator can install it: "
            f"{install_command('archive')}. Without it, accept one of {', '.join(offered)}.",
        )
    return chosen


def _check(query: EntriesQuery, request: Request) -> None:
    """Raises HttpError for parameters that make no sense together, or are not text."""
    if query.contains is not None:
        try:
            unquote_to_bytes(request.query_string).decode()
        except UnicodeDecodeError:
            raise _invalid("contains is not UTF-8. Encode the text in UTF-8, then with %.") from None
    if query.start is not None and query.end is not None and query.start >= query.end:
        raise _invalid("from is not before to, so no entry can be selected. Correct one of them, or omit it.")
    given = {str(EntriesQuery.model_fields[name].alias) for name in query.model_fields_set}
    if query.around is None:
        _refuse(sorted(given & {"before", "after"}), "is only for a request with around")
    else:
        others = given - {"around", "before", "after"}
        _refuse(sorted(others), "cannot be combined with around")


def _refuse_page_parameters(query: EntriesQuery, media_type: str) -> None:
    given = {str(EntriesQuery.model_fields[name].alias) for name in query.model_fields_set}
    paged = given & {"around", "before", "after", "pageSize", "pageToken"}
    _refuse(sorted(paged), f"is only for pages, as {JSON}, and this request accepts {media_type}")


def _refuse(names: Sequence[str], why: str) -> None:
    if names:
        raise _invalid(f"{names[0]} {why}. Remove one of the two.")


def _invalid(detail: str) -> HttpError:
    return HttpError("QUERY_PARAMETER_INVALID", detail)
