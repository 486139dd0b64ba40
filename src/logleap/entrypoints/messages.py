"""What is told of the work on a training message: its log lines and its span go with those of the request."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from logleap.domain.runs import TrainingMessage, UnreadableMessage
from logleap.entrypoints.tracing import trace_of
from logleap.telemetry.tracing import Kind, Tracing


@contextmanager
def working_on(body: bytes, tracing: Tracing, span: str = "run") -> Iterator[None]:
    """Around the work on a message, in whichever process: a span in the trace of the request that started
    the run, and log lines with that request's id, the run's and the data set's.
    """
    try:
        message = TrainingMessage.from_bytes(body)
    except UnreadableMessage:
        yield  # whoever carries it out says so
        return
    origin = message.origin
    about = {"logleap.data_id": message.dataset_id, "logleap.run_id": message.run_id}
    with tracing.span(span, Kind.CONSUMER, origin.traceparent, about):
        trace = trace_of(tracing.traceparent() or origin.traceparent)
        ids = {"dataId": message.dataset_id, "runId": message.run_id, "owner": message.owner}
        if origin.request_id is not None:
            ids["requestId"] = origin.request_id
        with structlog.contextvars.bound_contextvars(**ids, **trace):
            yield
