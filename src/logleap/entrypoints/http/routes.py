"""The calls of the API that belong to an owner."""

from collections.abc import Sequence

from flask import Response, g, request

from logleap.container import Container
from logleap.entrypoints.http.bounds import Bounds
from logleap.entrypoints.http.calls import (
    artifacts,
    datasets,
    entries,
    otlp,
    reading,
    report,
    scoring,
    training,
)
from logleap.entrypoints.http.contract.blueprint import Api
from logleap.entrypoints.http.ingest import otlp_messages
from logleap.entrypoints.http.ingest.entry_stream import load_formats
from logleap.entrypoints.http.middleware.auth import ANONYMOUS


def apis(container: Container, bounds: Bounds) -> Sequence[Api]:
    """All of them; modules of their own add them, a noun each. Raises SettingsError."""
    settings = container.settings()
    authenticator, quotas = bounds.authenticator, bounds.quotas
    keys = authenticator.required
    calls = Api("api", owned=True, keys=keys)
    exports = Api("otlp", owned=True, keys=keys, refusals=otlp_messages.refusals)

    def authenticate() -> None:
        asked = request._get_current_object()  # type: ignore[attr-defined]
        if asked.method != "OPTIONS":
            owner = g.owner = authenticator.owner_of(asked) if g.needs_key else ANONYMOUS
            quotas.requests.take(owner)

    def tell_quotas(response: Response) -> Response:
        if "owner" in g:
            quotas.tell(g.owner, response)
        return response

    for api in (calls, exports):
        api.before_request(authenticate)
        if quotas.limited:
            api.after_request(tell_quotas)
    append, limits = container.append_entries(), bounds.limits
    long_calls, decoders = bounds.long_calls, bounds.decoders
    datasets.add(
        calls,
        announce=container.announce_dataset(),
        datasets=container.show_datasets(),
        archive=container.archive_dataset(),
        delete=container.delete_dataset(),
        quota=quotas.datasets,
        long_calls=long_calls,
    )
    formats = load_formats(settings.mappings)
    entries.add(
        calls,
        append=append,
        check=container.check_entries(),
        limits=limits,
        formats=formats,
        watched=container.instruments().trace_source,
        quota=quotas.entries,
        decoders=decoders,
    )
    report.add(calls, container.report_on_dataset(), long_calls)
    streams, scratch = bounds.readings, bounds.scratch
    reading.add(calls, container.read_entries(), streams, scratch)
    training.add(
        calls,
        start=container.start_training(),
        show_training=container.show_training(),
        runs=container.list_runs(),
        cancel=container.cancel_training(),
    )
    scoring.add(
        calls,
        score=container.score_entries(),
        limits=limits,
        formats=formats,
        quota=quotas.entries,
        decoders=decoders,
        streams=streams,
        scratch=scratch,
    )
    artifacts.add(calls, artifacts=container.show_artifacts(), long_calls=long_calls)
    otlp.add(exports, append=append, limits=limits, quota=quotas.entries, decoders=decoders)
    return calls, exports
