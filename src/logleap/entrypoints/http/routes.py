"""The calls of the API that belong to an owner."""

from collections.abc import Sequence

from flask import Response, g, request

from logleap.container import Container
from logleap.entrypoints.http.calls import datasets, entries, otlp, report, training
from logleap.entrypoints.http.contract.blueprint import Api
from logleap.entrypoints.http.ingest import otlp_messages
from logleap.entrypoints.http.middleware.auth import Authenticator
from logleap.entrypoints.http.middleware.quotas import Quotas


def apis(container: Container) -> Sequence[Api]:
    """All of them; modules of their own add them, a noun each. Raises SettingsError."""
    settings = container.settings()
    authenticator = Authenticator(settings, container.capabilities(), container.authenticate())
    quotas = Quotas(settings)
    keys = authenticator.required
    calls = Api("api", owned=True, keys=keys)
    exports = Api("otlp", owned=True, keys=keys, refusals=otlp_messages.refusals)

    def authenticate() -> None:
        asked = request._get_current_object()  # type: ignore[attr-defined]
        if asked.method != "OPTIONS":
            owner = g.owner = authenticator.owner_of(asked)
            quotas.requests.take(owner)

    def tell_quotas(response: Response) -> Response:
        if "owner" in g:
            quotas.tell(g.owner, response)
        return response

    for api in (calls, exports):
        api.before_request(authenticate)
        if quotas.limited:
            api.after_request(tell_quotas)
    datasets.add(calls, container, quotas.datasets)
    entries.add(calls, container, quotas.entries)
    report.add(calls, container)
    training.add(calls, container)
    otlp.add(exports, container, quotas.entries)
    return calls, exports
