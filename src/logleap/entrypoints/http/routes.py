"""The calls of the API that belong to an owner."""

from flask import g, request

from logleap.container import Container
from logleap.entrypoints.http import datasets, entries, report, training
from logleap.entrypoints.http.api import Api
from logleap.entrypoints.http.auth import Authenticator


def api(container: Container) -> Api:
    """All of them; modules of their own add them, a noun each. Raises SettingsError."""
    settings = container.settings()
    authenticator = Authenticator(settings, container.authenticate())
    calls = Api("api", owned=True, keys=settings.keys_required)

    @calls.before_request
    def authenticate() -> None:
        if request.method != "OPTIONS":
            g.owner = authenticator.owner_of(request)

    datasets.add(calls, container)
    entries.add(calls, container)
    report.add(calls, container)
    training.add(calls, container)
    return calls
