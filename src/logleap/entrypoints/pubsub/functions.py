"""Cloud Functions (2nd gen): the API, the training of one message, the sweep.

A function's instance reads its settings from the environment, backend gcp and JSON logs unless that says
otherwise, and opens the backend at its first request: after the server's fork, and once. They are private
by IAM unless deployed otherwise, so `train` and `sweep` ask for no key; `api` asks for one as always.
"""

import json
import logging
import os
import threading
from functools import cache
from typing import Any, NoReturn

import flask
import functions_framework
import structlog
from cloudevents.http import CloudEvent
from werkzeug.exceptions import MethodNotAllowed, ServiceUnavailable
from werkzeug.wrappers import Response

from logleap.container import Container, build_container
from logleap.entrypoints.correlation import message_scope, trace_of
from logleap.entrypoints.log_lines import count_dropped_lines
from logleap.entrypoints.logs import configure_logging
from logleap.entrypoints.pubsub.envelope import NotAnEnvelope, open_envelope
from logleap.entrypoints.web import create_web_app
from logleap.entrypoints.worker.worker import make_worker
from logleap.ports.errors import Unavailable
from logleap.settings import load_settings
from logleap.usecases.training.run_training import Disposition

log = logging.getLogger(__name__)

_opening = threading.Lock()


@functions_framework.http
def api(request: flask.Request) -> Response:
    """The HTTP API, under the function's URL."""
    return Response.from_app(_app().wsgi_app, request.environ)


@functions_framework.cloud_event
def train(event: CloudEvent) -> None:
    """Carry out the run that a Pub/Sub message asks for. Deploy it with retries.

    Returns when the message is settled: carried out, or never to be carried out and among the dead letters.
    Answers 503 when it is to be delivered again.
    """
    container = _container()
    try:
        envelope = open_envelope(event.data)
    except NotAnEnvelope as error:
        _dead_letter(container, _as_bytes(event.data), f"event {event['id']}: {error}")
        return
    with (
        structlog.contextvars.bound_contextvars(messageId=envelope.message_id, **_trace()),
        message_scope(envelope.body, container.tracer()),
    ):
        settlement = container.run_training()(envelope.body)
        if settlement.disposition is Disposition.RETRY:
            _try_again(settlement.reason, settlement.delay)
        if settlement.disposition is Disposition.REJECT:
            _dead_letter(container, envelope.body, settlement.reason)
        else:
            log.info("message done: %s", settlement.reason)


@functions_framework.http
def sweep(request: flask.Request) -> tuple[str, int]:
    """Mend what a crash left behind: for a scheduler, a POST a minute, where no worker does it."""
    if request.method != "POST":
        raise MethodNotAllowed(valid_methods=["POST"])
    with structlog.contextvars.bound_contextvars(**_trace()):
        try:
            make_worker(_container()).sweep_once()
        except Unavailable as error:
            _try_again(f"unavailable: {error}")
    return "", 204


@cache
def _opened() -> Container:
    # An instance is the platform's to end, with what it runs: another process would only take memory.
    defaults = {"backend": "gcp", "log_format": "json", "task_isolation": "thread"}
    given = {name: os.environ.get(f"LOGLEAP_{name.upper()}", value) for name, value in defaults.items()}
    settings = load_settings(given)
    project = settings.gcp_project or os.environ.get("GOOGLE_CLOUD_PROJECT")
    # Not queued: between two requests an instance is frozen, and with it the thread that would write.
    configure_logging(settings.log_format, settings.log_level, project=project, queued=False)
    container = build_container(settings)
    count_dropped_lines(container.metrics().log_lines_dropped)
    return container


def _container() -> Container:
    with _opening:
        return _opened()


@cache
def _made() -> flask.Flask:
    return create_web_app(_opened())


def _app() -> flask.Flask:
    with _opening:
        return _made()


def _trace() -> dict[str, str | bool]:
    headers = flask.request.headers
    return trace_of(headers.get("traceparent"), headers.get("X-Cloud-Trace-Context"))


def _dead_letter(container: Container, body: bytes, reason: str) -> None:
    try:
        container.backend().dead_letter(body, reason)
    except Unavailable as error:
        _try_again(f"unavailable: {error}")
    log.error("message dead-lettered: %s", reason)


def _as_bytes(data: Any) -> bytes:
    if isinstance(data, bytes):
        return data
    return (data if isinstance(data, str) else json.dumps(data)).encode(errors="replace")


def _try_again(reason: str, delay: float = 1.0) -> NoReturn:
    # Anything but a 2xx is delivered again; a 503 is no crash, so it comes without a stack trace.
    log.warning("retry later: %s", reason)
    raise ServiceUnavailable(reason, retry_after=max(1, round(delay)))
