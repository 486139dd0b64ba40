"""One data set: how it stands, what its entries are like, its runs, its log, and what can be done with it."""

import secrets
from collections.abc import Collection

from flask import Request, Response

from logleap.domain.datasets import TRANSITIONS, Action, Dataset, State
from logleap.domain.entries import Totals
from logleap.domain.selection import Selection
from logleap.entrypoints.console import charts
from logleap.entrypoints.console.frame import Console
from logleap.entrypoints.console.pages.entries import COUNTED
from logleap.entrypoints.http.calls.long_calls import long_call
from logleap.entrypoints.http.contract.paging import RunsOf, page_position, page_token
from logleap.entrypoints.http.errors.refusals import Busy
from logleap.ports.runs import RunPosition
from logleap.usecases.report import DatasetReport

INLINE = 20_000
"""Entries up to which the report stands in the page. It reads all of them: above, it has a page of its own,
which the script puts in its place."""

LIVE = (State.TRAINING, State.DELETING)
"""In these states the page is fetched anew every few seconds: without the report, which reads all entries."""

RUNS = 20
EVENTS = 100
"""Lines of the log that the page shows: the latest ones."""


def add(console: Console) -> None:
    """Register the pages."""
    container, bounds = console.container, console.bounds
    show, runs, start = container.show_datasets(), container.list_runs(), container.start_training()
    report_on, longest = container.report_on_dataset(), container.announce_dataset().longest

    @console.page("/data/<dataId>")
    def dataset(request: Request, owner: str, data_id: str) -> Response:
        view = show.one(owner, data_id)
        position = page_position(request.args.get("pageToken", ""), RunsOf(data_id))
        after = RunPosition(*position) if position is not None else None
        page, following = runs(owner, data_id, RUNS, after)
        events = show.events(owner, data_id)
        told, chart = _report(owner, view.dataset, view.totals)
        return console.render(
            "dataset.html",
            dataset=view.dataset,
            totals=view.totals,
            allowed=_allowed(view.dataset, view.totals),
            runs=page,
            following=page_token(following, RunsOf(data_id)),
            events=events[-EVENTS:],
            earlier=max(len(events) - EVENTS, 0),
            delete_at=view.dataset.delete_at(longest),
            archive_at=view.dataset.archive_at(longest),
            tasks=start.tasks,
            attempt=secrets.token_hex(16),
            live=view.dataset.state in LIVE,
            report=told,
            chart=chart,
        )

    @console.page("/data/<dataId>/report")
    def report(request: Request, owner: str, data_id: str) -> Response:
        with long_call(bounds.long_calls):
            told = report_on(owner, data_id)
            chart = _over_time(owner, told, show.one(owner, data_id).totals)
        return console.render("report.html", dataset=told.dataset, report=told, chart=chart)

    def _report(
        owner: str, shown: Dataset, totals: Totals
    ) -> tuple[DatasetReport | None, charts.Histogram | None]:
        if not 0 < totals.entries <= INLINE or shown.state in LIVE:
            return None, None
        try:
            with long_call(bounds.long_calls):
                told = report_on(owner, shown.dataset_id)
                return told, _over_time(owner, told, totals)
        except Busy:
            return None, None  # it can still be opened on its own

    def _over_time(owner: str, told: DatasetReport, totals: Totals) -> charts.Histogram | None:
        report = told.report
        if report.entries > COUNTED:
            return charts.of_spans(report.histogram, report.histogram_width)
        # The spans of the report are hours, and many a test takes minutes.
        asked = owner, told.dataset.dataset_id, totals, Selection()
        chart = console.over_time.held(*asked)
        return chart if chart is not None else console.over_time.count(*asked)


def _allowed(dataset: Dataset, totals: Totals) -> Collection[Action]:
    """What can be done with it now."""
    actions = {action for state, action in TRANSITIONS if state is dataset.state}
    return actions if totals.entries else actions - {Action.TRAIN, Action.ARCHIVE}
