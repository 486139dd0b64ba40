"""Compare a data set with an earlier one: by a run against its log model. The current model stays."""

from flask import Request, Response, g

from logleap.domain.datasets import State
from logleap.domain.errors import ModelMissing
from logleap.domain.log_models import LOG_MODEL
from logleap.domain.runs import Origin
from logleap.entrypoints.console.frame import Console, Form
from logleap.entrypoints.http.middleware import observability

SERIES_SHOWN = 50


def add(console: Console) -> None:
    """Register the page and the change."""
    container = console.container
    show, start = container.show_datasets(), container.start_training()

    def form_page(owner: str, data_id: str, problem: str | None = None) -> Response:
        view = show.one(owner, data_id)
        name = view.dataset.name
        found, more = show.list(owner, None, SERIES_SHOWN, None, name) if name else ((), None)
        others = [
            other
            for other in found
            if other.dataset.dataset_id != data_id and other.dataset.state is not State.DELETING
        ]
        older = [other for other in others if other.dataset.created_at <= view.dataset.created_at]
        return console.render(
            "compare.html",
            status=200 if problem is None else 400,
            view=view,
            others=others,
            chosen=next((other.dataset.dataset_id for other in (*older, *others)), None),
            more=more is not None,
            takes_uploads=_takes_uploads(view.dataset.state),
            problem=problem,
        )

    @console.page("/data/<dataId>/compare")
    def compare(request: Request, owner: str, data_id: str) -> Response:
        return form_page(owner, data_id)

    @console.change("/data/<dataId>/compare")
    def start_comparison(request: Request, owner: str, form: Form, data_id: str) -> Response:
        baseline = form.get("other", "").strip() or form.get("baseline", "")
        if not baseline:
            return form_page(owner, data_id, "Choose a data set to compare with.")
        if form.get("seal") != "yes" and _takes_uploads(show.one(owner, data_id).dataset.state):
            return form_page(
                owner,
                data_id,
                "This data set still takes uploads, and a comparison ends that. If all of its entries are "
                "uploaded, say so below.",
            )
        try:
            started = start(
                owner,
                data_id,
                task=LOG_MODEL,
                parameters={"baseline": baseline, "current": False},
                origin=Origin(g.request_id, g.traceparent),
            )
        except ModelMissing:
            return form_page(
                owner,
                data_id,
                "The data set to compare with has no log model. Train it with the task log-model first.",
            )
        observability.bind_ids(runId=started.run_id)
        return console.redirect_to("run", dataId=data_id, runId=started.run_id)


def _takes_uploads(state: State) -> bool:
    return state in (State.CREATED, State.UPLOADING)
