"""What is told of each request: a line in the log, metrics, a span. Never its body, its query or its key."""

import re
import time
import uuid
from contextlib import ExitStack

import structlog
from flask import Flask, Response, g, request

from logleap.container import Container
from logleap.entrypoints.tracing import trace_of, traceparent_of
from logleap.telemetry.tracing import Kind, Tracing
from logleap.usecases.entries import Acknowledgement

log = structlog.get_logger(__name__)

_QUIET = {"/healthz", "/readyz", "/metrics"}  # asked for all the time: told only if they fail
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_LONGEST = 200  # characters of what a client made up


def observe(app: Flask, container: Container) -> None:
    """Tell of each request of `app`."""
    metrics, tracing = container.metrics(), container.tracing()

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()
        g.request_id = _request_id(request.headers.get("X-Request-Id"))
        g.span = ExitStack()
        trace = trace_of(request.headers)
        if request.path not in _QUIET:
            _enter_span(tracing, traceparent_of(trace))
        own = tracing.traceparent()
        if own is not None:
            trace = trace_of({"traceparent": own})
        g.traceparent = traceparent_of(trace)
        structlog.contextvars.bind_contextvars(requestId=g.request_id, **trace)
        data_id = (request.view_args or {}).get("dataId")
        if data_id is not None:
            name(dataId=data_id[:_LONGEST])

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.request_id
        status = response.status_code
        if request.path not in _QUIET or status >= 500:
            seconds = time.perf_counter() - g.began
            _log(status, seconds)
            metrics.answered(_method(), _route(), status, g.get("problem_code"), seconds)
            if g.get("accepted"):
                metrics.accepted(g.accepted, request.content_length or 0)
            tracing.note({"http.response.status_code": status}, failed=status >= 500)
        g.span.close()
        structlog.contextvars.clear_contextvars()
        return response


def name(**ids: str) -> None:
    """What the request is about (dataId, runId), for all log lines of it."""
    structlog.contextvars.bind_contextvars(**ids)


def acknowledged(ack: Acknowledgement) -> None:
    """The request's entries are in."""
    g.replayed = ack.replayed
    g.accepted = 0 if ack.replayed else ack.receipt.entries


def _enter_span(tracing: Tracing, parent: str | None) -> None:
    method, route = _method(), _route()
    attributes = {"http.request.method": method, "http.route": route, "url.path": request.path[:_LONGEST]}
    g.span.enter_context(tracing.span(f"{method} {route}", Kind.SERVER, parent, attributes))


def _log(status: int, seconds: float) -> None:
    log.info(
        "request",
        method=request.method[:_LONGEST],
        path=request.path[:_LONGEST],
        status=status,
        code=g.get("problem_code"),
        owner=g.get("owner"),
        bytesIn=request.content_length,
        accepted=g.get("accepted"),
        replayed=g.get("replayed") or None,
        milliseconds=round(seconds * 1000, 1),
    )


def _method() -> str:
    # A client may make methods up, but not series.
    return request.method if request.method in _METHODS else "_OTHER"


def _route() -> str:
    return request.url_rule.rule if request.url_rule is not None else "(none)"


def _request_id(sent: str | None) -> str:
    """The client's X-Request-Id if it is short visible ASCII, else a new one."""
    if sent is not None and re.fullmatch(r"[!-~]{1,128}", sent):
        return sent
    return str(uuid.uuid4())
