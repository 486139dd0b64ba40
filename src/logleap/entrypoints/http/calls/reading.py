"""The call that reads entries: pages, and streams of all that is selected."""

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from importlib.util import find_spec
from urllib.parse import unquote_to_bytes

from flask import Request, Response, g

from logleap.domain.errors import (
    DatasetNotFound,
    EntryNotFound,
    InvalidTransition,
    ModelMissing,
    ModelUnusable,
    PositionNotFound,
    TemplateNotFound,
)
from logleap.domain.selection import Selection
from logleap.entrypoints.http.calls import streaming
from logleap.entrypoints.http.calls.long_calls import LongCalls, long_call
from logleap.entrypoints.http.calls.streaming import COUNT_HEADER, FORMATS, Format
from logleap.entrypoints.http.contract import examples
from logleap.entrypoints.http.contract.blueprint import Api
from logleap.entrypoints.http.contract.negotiation import preferred
from logleap.entrypoints.http.contract.paging import entries_position, entries_token
from logleap.entrypoints.http.contract.requests import (
    DEFAULT_AROUND,
    DEFAULT_PAGE_SIZE,
    EntriesQuery,
    parse_query,
)
from logleap.entrypoints.http.contract.responses import EntryPage
from logleap.entrypoints.http.errors.refusals import Busy, HttpError
from logleap.ordering.scratch import Scratch
from logleap.ports.archive import ArchiveDamaged
from logleap.ports.artifacts import ArtifactMissing
from logleap.ports.errors import CountMismatch, TemporarySpaceFull
from logleap.usecases.read_entries import ReadEntries

TAG = "Entries"
JSON = "application/json"


def _content(form: Format) -> Mapping[str, object]:
    binary = {"format": "binary"} if form.needs_pyarrow else {}
    return {"schema": {"type": "string", **binary}, "example": form.example}


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
            ArtifactMissing,
            Busy,
            CountMismatch,
            DatasetNotFound,
            EntryNotFound,
            InvalidTransition,
            ModelMissing,
            ModelUnusable,
            PositionNotFound,
            TemplateNotFound,
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
            wanted = Selection(query.start, query.end, query.contains)
            return streaming.answer(
                request,
                media_type,
                data_id,
                scratch,
                place=long_call(streams),
                count=lambda: read.count(g.owner, data_id, wanted, query.template),
                opened=lambda: read.stream(g.owner, data_id, wanted, query.template),
            )
        if query.around is not None:
            batch_id, sequence = query.around
            before = DEFAULT_AROUND if query.before is None else query.before
            after = DEFAULT_AROUND if query.after is None else query.after
            found = read.around(g.owner, data_id, batch_id, sequence, before=before, after=after)
            return EntryPage.of(found, None).response()
        marked = [data_id, query.start, query.end, query.contains]
        mark = json.dumps(marked if query.template is None else [*marked, query.template])
        position = entries_position(query.page_token, mark)
        selection = Selection(query.start, query.end, query.contains, position)
        size = query.page_size or DEFAULT_PAGE_SIZE
        # Entries of a rare template may be far apart.
        with long_call(streams) if query.template is not None else nullcontext():
            page = read.page(g.owner, data_id, selection, size, query.template)
        return EntryPage.of(page.entries, entries_token(page.following, mark)).response()


def _media_type(request: Request) -> str:
    """The one to answer in. Raises HttpError (406) if the client accepts only what needs pyarrow."""
    with_pyarrow = find_spec("pyarrow") is not None
    offered = [JSON, *(name for name, form in FORMATS.items() if with_pyarrow or not form.needs_pyarrow)]
    chosen = preferred(request, offered)
    if chosen is None:
        raise HttpError(
            "NOT_ACCEPTABLE",
            "Arrow and Parquet need pyarrow, which the server does not have. The operator can install it "
            f"with the extra logleap[archive]. Without it, accept one of {', '.join(offered)}.",
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
