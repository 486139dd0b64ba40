"""The entries of a data set: a range of time, a text, the lines around one, and how many there are when."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from flask import Request, Response

from logleap.domain.entries import PlacedEntries, Totals
from logleap.domain.selection import Selection
from logleap.domain.times import to_micros
from logleap.entrypoints.console import charts
from logleap.entrypoints.console.formats import fitting
from logleap.entrypoints.console.frame import HEADERS, Console
from logleap.entrypoints.console.lines import lines
from logleap.entrypoints.http.calls.long_calls import long_call
from logleap.entrypoints.http.contract.paging import entries_position, entries_token
from logleap.entrypoints.http.contract.responses import time

PAGE_SIZE = 100
AROUND = 15
"""Entries before and after the one that is shown."""

COUNTED = 100_000
"""Data sets of up to so many entries are counted over time whenever they are shown; others on request."""

_ONE_ROOM = 60_000  # bytes of HTML for the one entry
_AROUND_ROOM = 60_000  # and for those around it, together
_MINUTE = 60_000_000  # microseconds


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the form holds, and the selection of it; `problem`: why there is none."""

    start: str
    end: str
    contains: str
    counted: bool
    selection: Selection | None = None
    problem: str | None = None

    @property
    def query(self) -> dict[str, str | None]:
        """Of links to the same selection."""
        return {"from": self.start or None, "to": self.end or None, "contains": self.contains or None}

    @property
    def mark(self) -> str:
        """Tells page tokens of other selections."""
        return repr((self.selection, "console"))


def add(console: Console) -> None:
    """Register the pages."""
    container, bounds = console.container, console.bounds
    show, read = container.show_datasets(), container.read_entries()

    def over_time(owner: str, data_id: str, totals: Totals, selection: Selection) -> charts.Histogram | None:
        chart = console.over_time.held(owner, data_id, totals, selection)
        if chart is None:
            with long_call(bounds.readings):
                chart = console.over_time.count(owner, data_id, totals, selection)
        return chart

    @console.page("/data/<dataId>/entries")
    def entries(request: Request, owner: str, data_id: str) -> Response:
        asked = _asked(request)
        view = show.one(owner, data_id)
        page = chart = following = None
        token = request.args.get("pageToken", "")
        if asked.selection is not None:
            mark = f"{data_id} {asked.mark}"
            selection = replace(asked.selection, after=entries_position(token, mark))
            page = read.page(owner, data_id, selection, PAGE_SIZE)
            following = entries_token(page.following, mark)
            if asked.counted or view.totals.entries <= COUNTED:
                chart = over_time(owner, data_id, view.totals, asked.selection)
        return console.render(
            "entries.html",
            status=200 if asked.problem is None else 400,
            view=view,
            asked=asked,
            lines=lines(page.entries if page is not None else None, asked.contains or None),
            chart=chart,
            following=following,
            first_page=not token,
        )

    @console.page("/data/<dataId>/entries/<batchId>/<int:sequence>")
    def entry(request: Request, owner: str, data_id: str, batch_id: str, sequence: int) -> Response:
        found = read.around(owner, data_id, batch_id, sequence, before=AROUND, after=AROUND)
        place = _place(found, batch_id, sequence)
        one = found.entries[place]
        message, whole = fitting(one.message, _ONE_ROOM)
        context, context_whole = fitting(one.context or "", _ONE_ROOM // 4)
        return console.render(
            "entry.html",
            view=show.one(owner, data_id),
            batch_id=batch_id,
            sequence=sequence,
            one=one,
            message=message,
            context=context if one.context is not None else None,
            cut=not (whole and context_whole),
            before=lines(found.part(0, place), room=_AROUND_ROOM // 2),
            after=lines(found.part(place + 1, len(found)), room=_AROUND_ROOM // 2),
            since=_shifted(one.timestamp, -_MINUTE),
            until=_shifted(one.timestamp, _MINUTE),
        )

    @console.page("/data/<dataId>/entries/<batchId>/<int:sequence>/message.txt")
    def entry_text(request: Request, owner: str, data_id: str, batch_id: str, sequence: int) -> Response:
        found = read.around(owner, data_id, batch_id, sequence, before=0, after=0)
        one = found.entries[_place(found, batch_id, sequence)]
        content = one.message if one.context is None else f"{one.message}\n{one.context}"
        headers = {**HEADERS, "Content-Disposition": f'attachment; filename="entry-{sequence}.txt"'}
        return Response(
            content.encode("utf-8", "replace"), headers=headers, content_type="text/plain; charset=utf-8"
        )


def _asked(request: Request) -> _Asked:
    given = request.args
    start, end = given.get("from", "").strip(), given.get("to", "").strip()
    asked = _Asked(start, end, given.get("contains", ""), given.get("count") == "yes")
    try:
        bounds = [_micros(name, text) for name, text in (("From", start), ("To", end))]
    except ValueError as error:
        return replace(asked, problem=str(error))
    if bounds[0] is not None and bounds[1] is not None and bounds[0] >= bounds[1]:
        return replace(asked, problem="From is not before To, so no entry can be shown. Correct one of them.")
    return replace(asked, selection=Selection(bounds[0], bounds[1], asked.contains or None))


def _micros(name: str, text: str) -> int | None:
    """A time as people write it, in UTC if it names no offset. Raises ValueError."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        return to_micros(at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise ValueError(
            f"{name} is {text[:40]!r}, which is not a time. Write it as 2026-03-02T06:00:00Z."
        ) from None


def _place(found: PlacedEntries, batch_id: str, sequence: int) -> int:
    return next(
        at
        for at, place in enumerate(zip(found.batch_ids, found.sequences, strict=True))
        if place == (batch_id, sequence)
    )


def _shifted(at: datetime, micros: int) -> str:
    return time(charts.time_of(to_micros(at) + micros))
