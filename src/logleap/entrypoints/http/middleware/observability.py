"""Observes each request: a log line, metrics, a span. Never its body, its query or its key."""

import logging
import re
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from time import perf_counter
from typing import Any

import structlog
from flask import Flask, Request, Response, g, request
from opentelemetry.trace import SpanKind, StatusCode

from logleap.container import Container
from logleap.entrypoints.correlation import parent_of, trace_ids, trace_of, traceparent_of
from logleap.telemetry.tracing import span
from logleap.usecases.append import Acknowledgement

log = structlog.get_logger()

_QUIET = {"/healthz", "/readyz", "/metrics"}  # requested all the time: observed only if they fail
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
MAX_LOGGED_CHARS = 200
"""Of a value that a client chose."""

_REQUEST_ID = re.compile(r"[!-~]{1,128}")


def observe(app: Flask, container: Container) -> None:
    """Observe each request of `app`."""
    metrics, tracer, traced = container.metrics(), container.tracer(), container.instruments().traces

    # Each access through Flask's proxies costs: so they are resolved once.

    @app.before_request
    def begin() -> None:
        ctx: Any = g._get_current_object()
        req: Request = request._get_current_object()  # type: ignore[attr-defined]
        environ = req.environ
        ctx.began = perf_counter()
        ctx.request_id = _request_id(environ.get("HTTP_X_REQUEST_ID"))
        trace = trace_of(environ.get("HTTP_TRACEPARENT"), environ.get("HTTP_X_CLOUD_TRACE_CONTEXT"))
        ctx.traceparent = traceparent_of(trace)
        if traced and req.path not in _QUIET:
            method, route = _call(req)
            attributes = {
                "http.request.method": method,
                "http.route": route,
                "url.path": req.path[:MAX_LOGGED_CHARS],
            }
            ctx.span_scope = ExitStack()
            ctx.span = ctx.span_scope.enter_context(
                span(tracer, f"{method} {route}", SpanKind.SERVER, parent_of(ctx.traceparent), attributes)
            )
            trace = trace_ids(ctx.span.get_span_context())
            ctx.traceparent = traceparent_of(trace)
        ids = {"requestId": ctx.request_id, **trace}
        if req.view_args and "dataId" in req.view_args:
            ids["dataId"] = req.view_args["dataId"][:MAX_LOGGED_CHARS]
        structlog.contextvars.bind_contextvars(**ids)

    @app.after_request
    def end(response: Response) -> Response:
        known = vars(g._get_current_object())
        req: Request = request._get_current_object()  # type: ignore[attr-defined]
        status = response.status_code
        response.headers["X-Request-Id"] = known["request_id"]
        if req.path not in _QUIET or status >= 500:
            seconds = perf_counter() - known["began"]
            if log.is_enabled_for(logging.INFO):
                _log(known, req, status, seconds)
            metrics.answered(*_call(req), status, known.get("problem_code"), seconds)
            if known.get("accepted"):
                metrics.accepted(known["accepted"], req.content_length or 0)
        if "span" in known:
            known["span"].set_attribute("http.response.status_code", status)
            if status >= 500:
                known["span"].set_status(StatusCode.ERROR)
            known["span_scope"].close()
        structlog.contextvars.clear_contextvars()
        return response


def bind_ids(**ids: str) -> None:
    """Add ids (dataId, runId) to all further log lines of the request."""
    structlog.contextvars.bind_contextvars(**ids)


def record_upload(ack: Acknowledgement) -> None:
    """Count the entries that the request's answer acknowledges."""
    g.replayed = ack.replayed
    g.accepted = 0 if ack.replayed else ack.receipt.entries


def _log(known: Mapping[str, Any], req: Request, status: int, seconds: float) -> None:
    log.info(
        "request",
        method=req.method[:MAX_LOGGED_CHARS],
        path=req.path[:MAX_LOGGED_CHARS],
        status=status,
        code=known.get("problem_code"),
        owner=known.get("owner"),
        bytesIn=req.content_length,
        accepted=known.get("accepted"),
        replayed=known.get("replayed") or None,
        milliseconds=round(seconds * 1000, 1),
    )


def _call(req: Request) -> tuple[str, str]:
    """Method and route. A client may make methods and paths up, but neither series nor names of spans."""
    method = req.method if req.method in _METHODS else "_OTHER"
    rule = req.url_rule
    return method, rule.rule if rule is not None else "(none)"


def _request_id(sent: str | None) -> str:
    """The client's X-Request-Id if it is short visible ASCII, else a new one."""
    if sent is not None and _REQUEST_ID.fullmatch(sent):
        return sent
    return str(uuid.uuid4())
