"""The calls of the API."""

from collections.abc import Callable

from flask import Blueprint, Response, g, json, request

from logleap.container import Container
from logleap.entrypoints.http import answers
from logleap.entrypoints.http.auth import Authenticator
from logleap.entrypoints.http.body import read_body
from logleap.entrypoints.http.parameters import (
    SMALL_BODY_LIMIT,
    AnnounceBody,
    EmptyBody,
    TrainBody,
    check_query,
    flag,
    idempotency_key,
    list_filters,
    page_position,
    page_size,
    page_token,
    parse_body,
)
from logleap.entrypoints.http.wire import Limits, entry_source


def json_answer(body: answers.Json, status: int = 200, location: str | None = None) -> Response:
    """A JSON response."""
    response = Response(json.dumps(body), status=status, content_type="application/json")
    if location is not None:
        response.headers["Location"] = location
    return response


def api(container: Container) -> Blueprint:
    """The calls that need an owner."""
    blueprint = Blueprint("api", __name__)
    settings = container.settings()
    authenticator = Authenticator(settings, container.authenticate())
    limits = Limits(
        json_bytes=settings.json_body_limit,
        ndjson_bytes=settings.ndjson_body_limit,
        entry_bytes=settings.entry_limit,
        json_entries=settings.json_entries_limit,
    )
    announce = container.announce_dataset()
    append, check = container.append_entries(), container.check_entries()
    datasets = container.show_datasets()
    archive, delete = container.archive_dataset(), container.delete_dataset()
    start, show_training = container.start_training(), container.show_training()

    @blueprint.before_request
    def authenticate() -> None:
        g.owner = authenticator.owner_of(request)

    @blueprint.post("/data")
    def announce_dataset() -> Response:
        check_query(request)
        body = parse_body(AnnounceBody, read_body(request, SMALL_BODY_LIMIT))
        dataset = announce(g.owner, body.name, body.labels)
        view = datasets.one(g.owner, dataset.dataset_id)
        return json_answer(answers.dataset(view), 201, f"/data/{dataset.dataset_id}")

    @blueprint.get("/data")
    def list_datasets() -> Response:
        check_query(request, ("state", "name", "pageSize", "pageToken"))
        filters = list_filters(request)
        position = page_position(request, filters)
        page, following = datasets.list(g.owner, filters.state, page_size(request), position, filters.name)
        shown = [answers.dataset(view) for view in page]
        return json_answer({"datasets": shown, "nextPageToken": page_token(following, filters)})

    @blueprint.get("/data/<data_id>")
    def show_dataset(data_id: str) -> Response:
        check_query(request)
        return json_answer(answers.dataset(datasets.one(g.owner, data_id)))

    @blueprint.get("/data/<data_id>/events")
    def show_events(data_id: str) -> Response:
        check_query(request)
        events = datasets.events(g.owner, data_id)
        return json_answer({"dataId": data_id, "events": [answers.event(event) for event in events]})

    @blueprint.post("/data/<data_id>")
    def append_entries(data_id: str) -> Response:
        check_query(request, ("partial", "dryRun"))
        key = idempotency_key(request)
        source = entry_source(request, limits, partial=flag(request, "partial"))
        if flag(request, "dryRun"):
            return json_answer(answers.checked(check(g.owner, data_id, source), source.refused))
        acknowledged = append(g.owner, data_id, source, key)
        return json_answer(answers.acknowledgement(acknowledged, source.refused))

    @blueprint.post("/data/<data_id>/archive")
    def archive_dataset(data_id: str) -> Response:
        check_query(request)
        parse_body(EmptyBody, read_body(request, SMALL_BODY_LIMIT))
        return json_answer(answers.dataset(archive(g.owner, data_id)))

    @blueprint.delete("/data/<data_id>")
    def delete_dataset(data_id: str) -> Response:
        check_query(request)
        delete(g.owner, data_id)
        return Response(status=204)

    @blueprint.post("/train/<data_id>")
    def start_training(data_id: str) -> Response:
        check_query(request)
        key = idempotency_key(request)
        body = parse_body(TrainBody, read_body(request, SMALL_BODY_LIMIT))
        run = start(
            g.owner,
            data_id,
            task=body.task,
            parameters=body.parameters,
            expected_entries=body.expected_entries,
            key=key,
        )
        return json_answer(answers.started(run), 202, f"/train/{data_id}")

    @blueprint.get("/train/<data_id>")
    def show_run(data_id: str) -> Response:
        check_query(request)
        return json_answer(answers.run(show_training(g.owner, data_id)))

    return blueprint


def health(check: Callable[[], None]) -> Blueprint:
    """The calls for whoever runs the service; no key needed."""
    blueprint = Blueprint("health", __name__)

    @blueprint.get("/healthz")
    def healthz() -> Response:
        return json_answer({"status": "ok"})

    @blueprint.get("/readyz")
    def readyz() -> Response:
        check()  # raises Unavailable: 503
        return json_answer({"status": "ready"})

    return blueprint
