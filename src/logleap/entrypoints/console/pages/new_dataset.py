"""A new data set."""

from flask import Request, Response, g

from logleap.entrypoints.console.frame import Console, Form
from logleap.entrypoints.http.middleware import observability

_NAME_CHARS = 256  # as in the API


def add(console: Console) -> None:
    """Register the page, and the change."""
    announce = console.container.announce_dataset()

    @console.page("/new")
    def new_dataset(request: Request, owner: str) -> Response:
        name = request.args.get("name", "")[:_NAME_CHARS]
        return console.render("new_dataset.html", name=name, problem=None)

    @console.change("/new")
    def announce_dataset(request: Request, owner: str, form: Form) -> Response:
        name = form.get("name", "").strip()
        if len(name) > _NAME_CHARS:
            g.problem_code = "FORM_INVALID"
            return console.render(
                "new_dataset.html", 422, name=name, problem=f"A name has at most {_NAME_CHARS} characters."
            )
        console.bounds.quotas.datasets.take(owner)
        made = announce(owner, name or None, {})
        observability.bind_ids(dataId=made.dataset_id)
        return console.redirect_to("upload_form", dataId=made.dataset_id)
