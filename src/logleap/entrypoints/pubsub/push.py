"""A worker that Pub/Sub pushes to, for where processes live by requests (Cloud Run)."""

import logging
import math
from collections.abc import Callable

import structlog
from flask import Blueprint, Flask, Response, request

from logleap.container import Container
from logleap.entrypoints.correlation import message_scope
from logleap.entrypoints.http.app import bare_app
from logleap.entrypoints.http.calls.health import health
from logleap.entrypoints.http.errors.refusals import RETRY_AFTER, HttpError
from logleap.entrypoints.pubsub.envelope import Envelope, NotAnEnvelope, read_envelope
from logleap.entrypoints.pubsub.tokens import TokenVerifier
from logleap.entrypoints.worker.worker import make_worker
from logleap.settings import Settings, SettingsError
from logleap.usecases.training.run_training import Disposition

log = logging.getLogger(__name__)

BODY_LIMIT = 16 << 20
"""Bytes of a push request: a message has at most 10 MB (https://docs.cloud.google.com/pubsub/quotas), and
comes as base64."""


def verifier_of(settings: Settings) -> TokenVerifier:
    """The check of who pushes. Raises SettingsError unless both are set: audience and service account."""
    audience, account = settings.push_audience, settings.push_service_account
    if not audience or not account:
        raise SettingsError(
            f"LOGLEAP_PUSH_AUDIENCE is {audience!r}, LOGLEAP_PUSH_SERVICE_ACCOUNT is {account!r}: a push "
            "worker must know which tokens to accept. Set both as in the push subscription."
        )
    return TokenVerifier(audience, account)


def create_push_app(
    container: Container, verifier: TokenVerifier, *, stopping: Callable[[], bool] = lambda: False
) -> Flask:
    """`POST /pubsub/push` for a push subscription, `POST /sweep` for a scheduler, as a WSGI app.

    Both want an OIDC token of Google's that `verifier` takes; without, 401 or 403. `stopping`: as in
    RunTraining.
    """
    app = bare_app(container)
    app.register_blueprint(health(container.backend().check, container.metrics()))
    app.register_blueprint(_pushed(container, verifier, stopping))
    return app


def _pushed(container: Container, verifier: TokenVerifier, stopping: Callable[[], bool]) -> Blueprint:
    blueprint = Blueprint("push", __name__)
    run_training, dead_letter = container.run_training(), container.backend().dead_letter
    tracer = container.tracer()
    worker = make_worker(container)

    @blueprint.before_request
    def authenticate() -> None:
        verifier.check(request.headers.get("Authorization", ""))

    @blueprint.post("/pubsub/push")
    def push() -> Response:
        """Anything but a 2xx lets Pub/Sub deliver the message again, by the subscription's retry policy."""
        content = request.get_data()
        try:
            envelope = read_envelope(content)
        except NotAnEnvelope as error:
            return rejected(content, str(error))
        structlog.contextvars.bind_contextvars(messageId=envelope.message_id)
        with message_scope(envelope.body, tracer):
            return settled(envelope)

    def settled(envelope: Envelope) -> Response:
        settlement = run_training(envelope.body, stopping=stopping)
        if settlement.disposition is Disposition.REJECT:
            return rejected(envelope.body, settlement.reason)
        if settlement.disposition is Disposition.RETRY:
            wait = max(RETRY_AFTER, math.ceil(settlement.delay))
            raise HttpError("NOT_YET", settlement.reason, {"Retry-After": str(wait)})
        log.info("message done: %s", settlement.reason)
        return Response(status=204)

    def rejected(body: bytes, reason: str) -> Response:
        dead_letter(body, reason)
        log.error("message dead-lettered: %s", reason)
        return Response(status=204)

    @blueprint.post("/sweep")
    def sweep() -> Response:
        worker.sweep_once()
        return Response(status=204)

    return blueprint
