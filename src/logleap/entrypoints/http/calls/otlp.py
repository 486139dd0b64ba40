"""OTLP/HTTP: log records as an OpenTelemetry SDK or Collector exports them.

https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from flask import Request, Response, g
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from logleap.codecs.errors import (
    ExportTooLarge,
    InvalidRecords,
    JsonExportMalformed,
    ProtobufMalformed,
    TooManyRecords,
)
from logleap.codecs.limits import Limits
from logleap.codecs.otlp.records import Export
from logleap.domain.errors import BatchEmpty, DatasetNotFound, InvalidTransition, KeyReused
from logleap.entrypoints.http.contract.blueprint import Api
from logleap.entrypoints.http.contract.headers import RepeatableHeaders
from logleap.entrypoints.http.contract.requests import NoQuery, idempotency_key, parse_query
from logleap.entrypoints.http.ingest.body import open_body
from logleap.entrypoints.http.ingest.decoding import Decoders
from logleap.entrypoints.http.ingest.otlp_messages import (
    ANSWER,
    BODY,
    as_status,
    check_media_type,
    decoded,
    encoded,
)
from logleap.entrypoints.http.middleware import observability
from logleap.entrypoints.http.middleware.quotas import Quota
from logleap.usecases.append import AppendEntries


def add(api: Api, *, append: AppendEntries, limits: Limits, quota: Quota, decoders: Decoders) -> None:
    """Export logs. `api` is one of its own: with refusals as OTLP wants them. `quota` is of stored ones."""
    api.after_request(as_status)

    @api.call(
        "POST",
        "/data/<dataId>/v1/logs",
        tag="Entries",
        headers=RepeatableHeaders,
        body=BODY,
        answer=ANSWER,
        raises=[
            DatasetNotFound,
            ExportTooLarge,
            InvalidRecords,
            InvalidTransition,
            JsonExportMalformed,
            KeyReused,
            ProtobufMalformed,
            TooManyRecords,
        ],
    )
    def export_logs(request: Request, data_id: str) -> Response:
        """Post log records by OTLP.

        As an OpenTelemetry SDK or Collector sends them: set `/data/{dataId}` as the endpoint there. Invalid
        records are counted in `partialSuccess`; the others are durable, and every training started later
        counts each of them once.

        An export that is sent again, the same byte by byte, counts once: exporters retry so. An
        Idempotency-Key, if there is one, decides that instead.
        """
        parse_query(NoQuery, request)
        key = idempotency_key(request)
        check_media_type(request)
        body = open_body(request, limits.json_bytes)
        owner = g.owner
        with decoders.turn(request):
            content = body.read()
            known_by = key or f"otlp-{body.sha256}"
            quota.require(owner, unless=lambda: append.stored(owner, data_id, known_by))
            export = Export(decoded(request, content, limits), body.sha256, limits)
        answer = ExportLogsServiceResponse()
        try:
            acknowledged = append(owner, data_id, export, known_by)
        except BatchEmpty:
            return encoded(request, answer)  # nothing to take is no error
        observability.record_upload(acknowledged)
        if not acknowledged.replayed:
            quota.spend(owner, acknowledged.receipt.entries)
        if export.rejected:
            answer.partial_success.rejected_log_records = export.rejected
            answer.partial_success.error_message = f"The first log record that was rejected is {export.why}"
        elif acknowledged.replayed:
            answer.partial_success.error_message = "This export had been taken before. It counts once."
        return encoded(request, answer)
