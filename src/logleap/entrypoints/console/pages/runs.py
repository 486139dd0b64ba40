"""A run: its state, its result and its artifacts; what it found changed; the templates of its log model."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import msgspec
from flask import Request, Response, g

from logleap.domain.errors import RunFinished
from logleap.domain.log_models import LOG_MODEL, MAX_IGNORED
from logleap.domain.runs import Origin, Run, RunState
from logleap.entrypoints.console import charts
from logleap.entrypoints.console.changes import (
    Change,
    Changes,
    Comparison,
    ReadChanges,
    comparison,
    result_lines,
)
from logleap.entrypoints.console.formats import fit
from logleap.entrypoints.console.frame import HEADERS, Console, Form
from logleap.entrypoints.http.calls.artifacts import answer_artifact
from logleap.entrypoints.http.middleware import observability

CHANGES_SHOWN = 10
TEMPLATES_SHOWN = 50
_JSON_ROOM = 20_000  # bytes of HTML for a result or for parameters
_KNOWN = "known."


@dataclass(frozen=True, slots=True)
class _Shown:
    """A change on a page: its place in the list of all, and its chart."""

    place: int
    change: Change
    drawn: Comparison


@dataclass(frozen=True, slots=True)
class _List:
    """A page of a run's changes. `chosen`: the kind, "" for all, or `before-error`."""

    chosen: str
    shown: Sequence[_Shown]
    page: int
    pages: int
    total: int


def add(console: Console) -> None:
    """Register the pages and the changes."""
    container = console.container
    show, training = container.show_datasets(), container.show_training()
    start, cancel = container.start_training(), container.cancel_training()
    artifacts = container.show_artifacts()
    read = ReadChanges(artifacts)

    @console.page("/data/<dataId>/runs/<runId>")
    def run(request: Request, owner: str, data_id: str, run_id: str) -> Response:
        found = training(owner, data_id, run_id)
        changes = None
        if found.task == LOG_MODEL and found.baseline is not None and found.state is RunState.SUCCEEDED:
            changes = read.changes(owner, data_id, run_id)
        return console.render(
            "run.html",
            view=show.one(owner, data_id),
            run=found,
            now=datetime.now(UTC),
            artifacts=sorted(found.artifacts, key=lambda artifact: artifact.name),
            parameters=_json(found.parameters) if found.parameters else None,
            facts=result_lines(found.result or {}),
            result=_json(found.result) if found.result is not None else None,
            changes=changes,
            list=_listed(changes, request) if changes is not None else None,
            has_model=_has_model(found),
        )

    @console.page("/data/<dataId>/runs/<runId>/state")
    def run_state(request: Request, owner: str, data_id: str, run_id: str) -> Response:
        found = training(owner, data_id, run_id)
        told = {"state": found.state, "finished": found.finished, "attempts": found.attempts}
        return Response(json.dumps(told), headers=dict(HEADERS), content_type="application/json")

    @console.page("/data/<dataId>/runs/<runId>/artifacts/<name>")
    def artifact(request: Request, owner: str, data_id: str, run_id: str, name: str) -> Response:
        stored = artifacts.find(owner, data_id, name, run_id)
        opened = partial(artifacts.open, owner, stored)
        answer = answer_artifact(request, stored.artifact, opened, console.bounds.long_calls)
        answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return answer

    @console.page("/data/<dataId>/runs/<runId>/templates")
    def templates(request: Request, owner: str, data_id: str, run_id: str) -> Response:
        found = training(owner, data_id, run_id)
        model = read.model(owner, data_id, run_id) if _has_model(found) else None
        page, pages = 0, 0
        rows = []
        if model is not None:
            page, pages = _paged(request, len(model.templates), TEMPLATES_SHOWN)
            rows = [
                (template, charts.steps(model.windows.count, template.windows))
                for template in model.page(page * TEMPLATES_SHOWN, TEMPLATES_SHOWN)
            ]
        return console.render(
            "templates.html",
            view=show.one(owner, data_id),
            run=found,
            model=model,
            span=(_span(model.windows.start, model.windows.width * model.windows.count) if model else None),
            rows=rows,
            page=page,
            pages=pages,
        )

    @console.page("/data/<dataId>/runs/<runId>/known")
    def known(request: Request, owner: str, data_id: str, run_id: str) -> Response:
        found = training(owner, data_id, run_id)
        marked = [value for name, value in request.args.items() if name.startswith(_KNOWN)]
        return console.render(
            "known.html",
            view=show.one(owner, data_id),
            run=found,
            ignore=_together(found, marked),
            marked=len(marked),
        )

    @console.change("/data/<dataId>/runs/<runId>/known")
    def train_with_known(request: Request, owner: str, form: Form, data_id: str, run_id: str) -> Response:
        found = training(owner, data_id, run_id)
        ignore = [line for line in form.get("ignore", "").splitlines() if line.strip()]
        against = found.baseline.dataset_id if found.baseline is not None else None
        parameters = {**found.parameters, "baseline": against, "ignore": ignore}
        started = start(
            owner, data_id, task=LOG_MODEL, parameters=parameters, origin=Origin(g.request_id, g.traceparent)
        )
        observability.bind_ids(runId=started.run_id)
        return console.redirect_to("run", dataId=data_id, runId=started.run_id)

    @console.change("/data/<dataId>/runs/<runId>/cancel")
    def cancel_this_run(request: Request, owner: str, form: Form, data_id: str, run_id: str) -> Response:
        with suppress(RunFinished):  # then its page shows how it ended
            cancel(owner, data_id, run_id)
        return console.redirect_to("run", dataId=data_id, runId=run_id)


def _has_model(run: Run) -> bool:
    return run.task == LOG_MODEL and run.state is RunState.SUCCEEDED


def _listed(changes: Changes, request: Request) -> _List:
    chosen = request.args.get("show", "")
    places = range(len(changes.changes))
    if chosen == "before-error":
        wanted = [at for at in changes.before_first_error if at in places]
    elif chosen in changes.counts:
        wanted = [at for at in places if changes.changes[at].kind == chosen]
    else:
        chosen, wanted = "", list(places)
    page, pages = _paged(request, len(wanted), CHANGES_SHOWN)
    shown = [
        _Shown(at, changes.changes[at], comparison(changes.changes[at]))
        for at in wanted[page * CHANGES_SHOWN : (page + 1) * CHANGES_SHOWN]
    ]
    return _List(chosen, shown, page, pages, len(wanted))


def _paged(request: Request, total: int, size: int) -> tuple[int, int]:
    """The number of the page, from 0, and how many there are."""
    pages = max(-(-total // size), 1)
    given = request.args.get("page", "1")
    wanted = int(given) if given.isascii() and given.isdigit() and len(given) < 9 else 1
    return min(max(wanted - 1, 0), pages - 1), pages


def _together(run: Run, marked: Sequence[str]) -> Sequence[str]:
    """What the run ignored, and what is marked now."""
    before = run.parameters.get("ignore") or []
    return list(dict.fromkeys([*before, *marked]))[:MAX_IGNORED]


def _json(value: object) -> object:
    written = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    return fit(written, _JSON_ROOM)


def _span(start: int, length: int) -> tuple[datetime, datetime]:
    return charts.time_of(start), charts.time_of(start + length)
