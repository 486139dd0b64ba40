"""The Flask app: request ids, one log line per request, routes, problems."""

import re
import time
import uuid

import structlog
from flask import Flask, Response, g, request
from flask_openapi import OpenAPI

from logleap.container import Container
from logleap.entrypoints.http import document, problems, routes
from logleap.entrypoints.http.docs import docs
from logleap.entrypoints.http.health import health
from logleap.entrypoints.tracing import trace_of

log = structlog.get_logger(__name__)

_QUIET = {"/healthz", "/readyz"}


def create_app(container: Container) -> Flask:
    """The API over the container's use cases, as a WSGI app. Raises SettingsError."""
    app = bare_app()
    document.add(app, [routes.api(container), health(container.backend().check)])
    app.register_blueprint(docs())
    return app


def bare_app() -> OpenAPI:
    """An app with everything but routes: request ids, traces, the log, problems."""
    app = OpenAPI("logleap", doc_ui=False, static_folder=None)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # a path of ours has none to merge: 404, not a redirect
    app.json.sort_keys = False  # type: ignore[attr-defined]

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()
        g.request_id = _request_id(request.headers.get("X-Request-Id"))
        structlog.contextvars.bind_contextvars(requestId=g.request_id, **trace_of(request.headers))

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.request_id
        if request.path not in _QUIET or response.status_code >= 500:
            log.info(
                "request",
                method=request.method,
                path=request.path,
                status=response.status_code,
                code=g.get("problem_code"),
                owner=g.get("owner"),
                milliseconds=round((time.perf_counter() - g.began) * 1000, 1),
            )
        structlog.contextvars.clear_contextvars()
        return response

    problems.register(app)
    return app


def _request_id(sent: str | None) -> str:
    """The client's X-Request-Id if it is short visible ASCII, else a new one."""
    if sent is not None and re.fullmatch(r"[!-~]{1,128}", sent):
        return sent
    return str(uuid.uuid4())
