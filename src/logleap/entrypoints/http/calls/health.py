"""The calls for whoever runs the service; no key needed."""

from collections.abc import Callable

from flask import Request, Response
from werkzeug.exceptions import NotFound

from logleap.entrypoints.http.contract import responses
from logleap.entrypoints.http.contract.blueprint import Api
from logleap.ports.errors import Unavailable
from logleap.telemetry.metrics import Metrics

TAG = "Health"
METRICS_PATH = "/metrics"


_TEXT = {
    "schema": {"type": "string"},
    "example": "# TYPE logleap_accepted_entries_total counter\nlogleap_accepted_entries_total 12000.0\n",
}
METRICS = {"text/plain": _TEXT, "application/openmetrics-text": _TEXT}


def health(check: Callable[[], None], metrics: Metrics) -> Api:
    """Whether it is up, whether it can work (`check` raises Unavailable if not), and what it did."""
    api = Api("health")

    @api.call("GET", "/healthz", tag=TAG, answer=responses.Health, example={"status": "ok"})
    def healthz(_: Request) -> Response:
        """Is the process up?

        For liveness probes: it checks nothing else.
        """
        return responses.Health(status="ok").response()

    @api.call(
        "GET",
        "/readyz",
        tag=TAG,
        answer=responses.Health,
        example={"status": "ready"},
        raises=[Unavailable],
    )
    def readyz(_: Request) -> Response:
        """Can the service do its work?

        For readiness probes: it checks the backend.
        """
        check()  # raises Unavailable: 503
        return responses.Health(status="ready").response()

    @api.call("GET", METRICS_PATH, tag=TAG, answer=METRICS)
    def show_metrics(request: Request) -> Response:
        """Get the metrics of this process.

        For Prometheus, as text or as OpenMetrics. Nothing in it names an owner or a data set.
        """
        # A proxy may be set to keep it from clients: by this path, whatever else leads to the same call.
        asked = request.environ.get("REQUEST_URI") or request.environ.get("RAW_URI") or METRICS_PATH
        if asked.partition("?")[0] != METRICS_PATH:
            raise NotFound
        content, content_type = metrics.exposition(request.headers.get("Accept", ""))
        return Response(content, content_type=content_type)

    return api
