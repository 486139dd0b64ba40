"""The calls for whoever runs the service; no key needed."""

from collections.abc import Callable

from flask import Response

from logleap.entrypoints.http import answers
from logleap.entrypoints.http.api import Api

TAG = "Health"


def health(check: Callable[[], None]) -> Api:
    """`check` raises Unavailable while the service cannot do its work."""
    api = Api("health")

    @api.call("GET", "/healthz", tag=TAG, answer=answers.Health, example={"status": "ok"})
    def healthz() -> Response:
        """Is the process up?

        For liveness probes: it looks no further.
        """
        return answers.Health(status="ok").response()

    @api.call(
        "GET",
        "/readyz",
        tag=TAG,
        answer=answers.Health,
        example={"status": "ready"},
        problems=["UNAVAILABLE"],
    )
    def readyz() -> Response:
        """Can the service do its work?

        For readiness probes: the backend is asked.
        """
        check()
        return answers.Health(status="ready").response()

    return api
