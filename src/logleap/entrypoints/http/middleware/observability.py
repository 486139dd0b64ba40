"""What is told of each request: a line in the log, metrics, a span. Never its body, its query or its key."""

import logging
import re
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from time import perf_counter
from typing import Any

import structlog
from flask import Flask, Request, Response, g, request

from logleap.container import Container
from logleap.entrypoints.tracing import trace_of, traceparent_of
from logleap.telemetry.tracing import Kind, NoTracing
from logleap.usecases.append import Acknowledgement

log = structlog.get_logger()

_QUIET = {"/healthz", "/readyz", "/metrics"}  # asked for all the time: told only if they fail
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_LONGEST = 200  # characters of what a client made up
_REQUEST_ID = re.compile(r"[!-~]{1,128}")


def observe(app: Flask, container: Container) -> None:
    """Tell of each request of `app`."""
    metrics, tracing = container.metrics(), container.tracing()
    traced = not isinstance(tracing, NoTracing)

    # Each look through Flask's proxies costs; so they are looked through once.

    @app.before_request
    def begin() -> None:
        here: Any = g._get_current_object()
        asked: Request = request._get_current_object()  # type: ignore[attr-defined]
        environ = asked.environ
        here.began = perf_counter()
        here.request_id = _request_id(environ.get("HTTP_X_REQUEST_ID"))
        trace = trace_of(environ.get("HTTP_TRACEPARENT"), environ.get("HTTP_X_CLOUD_TRACE_CONTEXT"))
        here.traceparent = traceparent_of(trace)
        if traced and asked.path not in _QUIET:
            here.span = ExitStack()
            method, route = _call(asked)
            about = {"http.request.method": method, "http.route": route, "url.path": asked.path[:_LONGEST]}
            span = tracing.span(f"{method} {route}", Kind.SERVER, here.traceparent, about)
            here.span.enter_context(span)
            here.traceparent = tracing.traceparent()
            trace = trace_of(here.traceparent)
        ids = {"requestId": here.request_id, **trace}
        if asked.view_args and "dataId" in asked.view_args:
            ids["dataId"] = asked.view_args["dataId"][:_LONGEST]
        structlog.contextvars.bind_contextvars(**ids)

    @app.after_request
    def end(response: Response) -> Response:
        known = vars(g._get_current_object())
        asked: Request = request._get_current_object()  # type: ignore[attr-defined]
        status = response.status_code
        response.headers["X-Request-Id"] = known["request_id"]
        if asked.path not in _QUIET or status >= 500:
            seconds = perf_counter() - known["began"]
            if log.is_enabled_for(logging.INFO):
                _log(known, asked, status, seconds)
            metrics.answered(*_call(asked), status, known.get("problem_code"), seconds)
            if known.get("accepted"):
                metrics.accepted(known["accepted"], asked.content_length or 0)
        if "span" in known:
            tracing.note({"http.response.status_code": status}, failed=status >= 500)
            known["span"].close()
        structlog.contextvars.clear_contextvars()
        return response


def name(**ids: str) -> None:
    """What the request is about (dataId, runId), for all log lines of it."""
    structlog.contextvars.bind_contextvars(**ids)


def acknowledged(ack: Acknowledgement) -> None:
    """The request's entries are in."""
    g.replayed = ack.replayed
    g.accepted = 0 if ack.replayed else ack.receipt.entries


def _log(known: Mapping[str, Any], asked: Request, status: int, seconds: float) -> None:
    log.info(
        "request",
        method=asked.method[:_LONGEST],
        path=asked.path[:_LONGEST],
        status=status,
        code=known.get("problem_code"),
        owner=known.get("owner"),
        bytesIn=asked.content_length,
        accepted=known.get("accepted"),
        replayed=known.get("replayed") or None,
        milliseconds=round(seconds * 1000, 1),
    )


def _call(asked: Request) -> tuple[str, str]:
    """Method and route. A client may make methods and paths up, but neither series nor names of spans."""
    method = asked.method if asked.method in _METHODS else "_OTHER"
    rule = asked.url_rule
    return method, rule.rule if rule is not None else "(none)"


def _request_id(sent: str | None) -> str:
    """The client's X-Request-Id if it is short visible ASCII, else a new one."""
    if sent is not None and _REQUEST_ID.fullmatch(sent):
        return sent
    return str(uuid.uuid4())
