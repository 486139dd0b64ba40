"""The list of data sets, grouped by series within the page."""

from collections.abc import Sequence
from itertools import groupby

from flask import Request, Response
from markupsafe import Markup

from logleap.domain.datasets import State
from logleap.entrypoints.console.frame import Console
from logleap.entrypoints.http.contract.paging import Filters, page_position, page_token
from logleap.ports.datasets import Position
from logleap.usecases.datasets import DatasetView

PAGE_SIZE = 50

_BADGES = {state: Markup('<span class="state state-{0}">{0}</span>').format(state) for state in State}
"""As `state` of the macros makes them: a list has many."""


def add(console: Console) -> None:
    """Register the page."""
    show = console.container.show_datasets()

    @console.page("")
    def datasets(request: Request, owner: str) -> Response:
        name = request.args.get("name", "").strip() or None
        state = _state(request.args.get("state", ""))
        filters = Filters(state, name)
        position = page_position(request.args.get("pageToken", ""), filters)
        after = Position(*position) if position is not None else None
        page, following = show.list(owner, state, PAGE_SIZE, after, name)
        return console.render(
            "datasets.html",
            series=_by_series(page),
            times=dict.fromkeys(view.dataset.dataset_id for view in page) | {**show.times(page)},
            badges=_BADGES,
            filters=filters,
            states=list(State),
            following=page_token(following, filters),
            first_page=after is None,
        )


def _state(given: str) -> State | None:
    return State(given) if given in list(State) else None


def _by_series(page: Sequence[DatasetView]) -> Sequence[tuple[str | None, Sequence[DatasetView]]]:
    """The data sets of each name, series with the newest one first; those without a name are one group."""
    newest: dict[str | None, int] = {}
    for number, view in enumerate(page):
        newest.setdefault(view.dataset.name, number)
    ordered = sorted(page, key=lambda view: newest[view.dataset.name])  # stable: newest first in each
    return [(name, list(views)) for name, views in groupby(ordered, key=lambda view: view.dataset.name)]
