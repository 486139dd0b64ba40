"""Traces by OpenTelemetry. Imported only where they are asked for."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from logleap.telemetry.tracing import NO_ATTRIBUTES, Attributes, Kind, Tracing

_W3C = TraceContextTextMapPropagator()


def over_otlp() -> Tracing:
    """Traces sent over OTLP/HTTP, to where the OTEL_… variables say.

    They become the process's own, so that a training task can add spans by `opentelemetry.trace`.
    """
    tracing = OpenTelemetry(OTLPSpanExporter())
    trace.set_tracer_provider(tracing.provider)
    return tracing


class OpenTelemetry(Tracing):
    """The SDK, set up by its own OTEL_… variables: sampler, resource, batches."""

    def __init__(self, exporter: SpanExporter) -> None:
        named = Resource({SERVICE_NAME: "logleap"}).merge(OTELResourceDetector().detect())
        self.provider = TracerProvider(resource=Resource.create().merge(named))
        self.provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self.provider.get_tracer("logleap")

    @contextmanager
    def span(
        self,
        name: str,
        kind: Kind = Kind.INTERNAL,
        parent: str | None = None,
        attributes: Attributes = NO_ATTRIBUTES,
    ) -> Iterator[None]:
        """As in Tracing. Of an exception only its type is told: its text may hold what a log line held."""
        around = context.get_current() if parent is None else _W3C.extract({"traceparent": parent})
        with self._tracer.start_as_current_span(
            name,
            around,
            SpanKind[kind.value],
            attributes,
            record_exception=False,
            set_status_on_exception=False,
        ):
            try:
                yield
            except BaseException as error:
                self.note({"error.type": type(error).__name__}, failed=True)
                raise

    def note(self, attributes: Attributes, *, failed: bool = False) -> None:
        """As in Tracing."""
        span = trace.get_current_span()
        span.set_attributes(attributes)
        if failed:
            span.set_status(StatusCode.ERROR)

    def traceparent(self) -> str | None:
        """As in Tracing."""
        carrier: dict[str, str] = {}
        _W3C.inject(carrier)
        return carrier.get("traceparent")

    def close(self) -> None:
        """As in Tracing."""
        self.provider.shutdown()
