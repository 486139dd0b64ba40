"""The calls of the API that belong to an owner."""

from flask import Response, g, request

from logleap.container import Container
from logleap.entrypoints.http import datasets, entries, report, training
from logleap.entrypoints.http.api import Api
from logleap.entrypoints.http.auth import Authenticator
from logleap.entrypoints.http.quotas import Quotas


def api(container: Container) -> Api:
    """All of them; modules of their own add them, a noun each. Raises SettingsError."""
    settings = container.settings()
    authenticator = Authenticator(settings, container.authenticate())
    quotas = Quotas(settings)
    calls = Api("api", owned=True, keys=settings.keys_required)

    @calls.before_request
    def authenticate() -> None:
        if request.method != "OPTIONS":
            g.owner = authenticator.owner_of(request)
            quotas.requests.take(g.owner)

    @calls.after_request
    def tell_quotas(response: Response) -> Response:
        if "owner" in g:
            quotas.tell(g.owner, response)
        return response

    datasets.add(calls, container, quotas.datasets)
    entries.add(calls, container, quotas.entries)
    report.add(calls, container)
    training.add(calls, container)
    return calls
