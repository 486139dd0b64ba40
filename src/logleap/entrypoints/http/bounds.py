"""What all requests of a process share: who calls, what is left to them, how much is done at a time."""

from logleap.codecs.limits import Limits
from logleap.container import Container
from logleap.entrypoints.http.calls.long_calls import LongCalls
from logleap.entrypoints.http.ingest.decoding import Decoders
from logleap.entrypoints.http.middleware.auth import Authenticator
from logleap.entrypoints.http.middleware.quotas import Quotas
from logleap.ordering.scratch import Scratch

FORM_BYTES = 1 << 20
"""Of a form besides its file."""


class Bounds:
    """One of each, for the API and the console alike. Raises SettingsError."""

    def __init__(self, container: Container) -> None:
        settings = container.settings()
        self.authenticator = Authenticator(settings, container.capabilities(), container.authenticate())
        self.quotas = Quotas(settings)
        self.long_calls = LongCalls(settings.threads)
        self.readings = LongCalls(settings.threads)
        self.decoders = Decoders(settings.threads)
        self.limits = Limits(
            json_bytes=settings.json_body_limit,
            ndjson_bytes=settings.ndjson_body_limit,
            entry_bytes=settings.entry_limit,
            json_entries=settings.json_entries_limit,
        )
        self.scratch = Scratch(settings.temporary_limit)
