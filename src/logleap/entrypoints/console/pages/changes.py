"""What is done with a data set: train, cancel, archive, delete. The last three are confirmed first."""

from typing import Any

from flask import Request, Response, g

from logleap.domain.log_models import LOG_MODEL
from logleap.domain.runs import Origin
from logleap.entrypoints.console.frame import Console, Form, form_key
from logleap.entrypoints.http.calls.long_calls import long_call
from logleap.entrypoints.http.middleware import observability


def add(console: Console) -> None:
    """Register the pages to confirm, and the changes."""
    container = console.container
    show, start, cancel = container.show_datasets(), container.start_training(), container.cancel_training()
    archive, delete = container.archive_dataset(), container.delete_dataset()

    @console.change("/data/<dataId>/train")
    def train(request: Request, owner: str, form: Form, data_id: str) -> Response:
        key = form_key(form)
        task = form.get("task") or None
        parameters: dict[str, Any] = {}
        if task == LOG_MODEL and (baseline := form.get("baseline", "").strip()):
            parameters["baseline"] = baseline
        run = start(
            owner,
            data_id,
            task=task,
            parameters=parameters,
            key=key,
            origin=Origin(g.request_id, g.traceparent),
        )
        observability.bind_ids(runId=run.run_id)
        return console.redirect_to("run", dataId=data_id, runId=run.run_id)

    def confirm(owner: str, data_id: str, question: str) -> Response:
        view = show.one(owner, data_id)
        return console.render("confirm.html", dataset=view.dataset, totals=view.totals, question=question)

    @console.page("/data/<dataId>/cancel")
    def confirm_cancel(request: Request, owner: str, data_id: str) -> Response:
        return confirm(owner, data_id, "cancel")

    @console.page("/data/<dataId>/archive")
    def confirm_archive(request: Request, owner: str, data_id: str) -> Response:
        return confirm(owner, data_id, "archive")

    @console.page("/data/<dataId>/delete")
    def confirm_delete(request: Request, owner: str, data_id: str) -> Response:
        return confirm(owner, data_id, "delete")

    @console.change("/data/<dataId>/cancel")
    def cancel_training(request: Request, owner: str, form: Form, data_id: str) -> Response:
        run = cancel(owner, data_id, form.get("runId") or None)
        observability.bind_ids(runId=run.run_id)
        return console.redirect_to("dataset", dataId=data_id)

    @console.change("/data/<dataId>/archive")
    def archive_dataset(request: Request, owner: str, form: Form, data_id: str) -> Response:
        with long_call(console.bounds.long_calls, (owner, data_id)):
            archive(owner, data_id)
        return console.redirect_to("dataset", dataId=data_id)

    @console.change("/data/<dataId>/delete")
    def delete_dataset(request: Request, owner: str, form: Form, data_id: str) -> Response:
        delete(owner, data_id)
        return console.redirect_to("datasets")
