"""Which trace, request, run and data set a piece of work belongs to: for its log lines and its spans."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import structlog
from opentelemetry.context import Context
from opentelemetry.trace import (
    SpanContext,
    SpanKind,
    Tracer,
    format_span_id,
    format_trace_id,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from logleap.domain.runs import TrainingMessage, UnreadableMessage
from logleap.telemetry.tracing import span

_PROPAGATOR = TraceContextTextMapPropagator()

# Headers are read by expressions of our own, at each request: the W3C propagator takes six times as long, a
# tenth of an upload of one entry, and so works only where there are spans.
_W3C = re.compile(r"[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(-.*)?")

# opentelemetry-propagator-gcp ignores a trace without a span and capital hex digits, loses the trace if the
# span has more than 64 bits, and raises ValueError for options of thousands of digits (1.15.0).
_GOOGLE = re.compile(r"(?P<trace>[0-9a-fA-F]{32})(?:/(?P<span>[0-9]{1,20}))?(?:;o=(?P<options>[0-9]))?")


def trace_of(traceparent: str | None, google: str | None = None) -> dict[str, str | bool]:
    """`trace` (32 hex digits), `spanId` (16) and `traceSampled`, as far as the headers tell; else empty.

    From `traceparent` (https://www.w3.org/TR/trace-context/), else from `X-Cloud-Trace-Context`
    (https://docs.cloud.google.com/trace/docs/trace-context), both of which Cloud Run sends.
    """
    match = _W3C.fullmatch(traceparent) if traceparent else None
    if match and int(match["trace"], 16) and int(match["span"], 16):
        return {
            "trace": match["trace"],
            "spanId": match["span"],
            "traceSampled": bool(int(match["flags"], 16) & 1),
        }
    match = _GOOGLE.fullmatch(google) if google else None
    if match is None or not int(match["trace"], 16):
        return {}
    found: dict[str, str | bool] = {"trace": match["trace"].lower()}
    span_id = int(match["span"] or 0)
    if 0 < span_id < 1 << 64:
        found["spanId"] = format_span_id(span_id)
    if match["options"]:
        found["traceSampled"] = match["options"] == "1"
    return found


def trace_ids(context: SpanContext) -> dict[str, str | bool]:
    """As `trace_of`, of a span; empty if it is not valid."""
    if not context.is_valid:
        return {}
    return {
        "trace": format_trace_id(context.trace_id),
        "spanId": format_span_id(context.span_id),
        "traceSampled": context.trace_flags.sampled,
    }


def traceparent_of(trace: Mapping[str, str | bool]) -> str | None:
    """The `traceparent` for the result of `trace_of`; None if it names no span."""
    if "spanId" not in trace:
        return None
    return f"00-{trace['trace']}-{trace['spanId']}-{'01' if trace.get('traceSampled', True) else '00'}"


def parent_of(traceparent: str | None) -> Context | None:
    """The context of the span that a `traceparent` names; None (the current context) without one."""
    return None if traceparent is None else _PROPAGATOR.extract({"traceparent": traceparent})


@contextmanager
def message_scope(body: bytes, tracer: Tracer, name: str = "run") -> Iterator[None]:
    """Around the work on a training message, in whichever process: a span in the trace of the request that
    started the run, and log lines with the ids of that request, the run and the data set.
    """
    try:
        message = TrainingMessage.from_bytes(body)
    except UnreadableMessage:
        yield  # the use case reports it
        return
    origin = message.origin
    attributes = {"logleap.data_id": message.dataset_id, "logleap.run_id": message.run_id}
    with span(tracer, name, SpanKind.CONSUMER, parent_of(origin.traceparent), attributes) as current:
        trace = trace_ids(current.get_span_context()) or trace_of(origin.traceparent)
        ids = {"dataId": message.dataset_id, "runId": message.run_id, "owner": message.owner}
        if origin.request_id is not None:
            ids["requestId"] = origin.request_id
        with structlog.contextvars.bound_contextvars(**ids, **trace):
            yield
