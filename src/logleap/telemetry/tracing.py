"""Traces, by opentelemetry-api. The SDK is set up only where the standard OTEL_… variables ask for it."""

import importlib.util
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import (
    NoOpTracerProvider,
    ProxyTracerProvider,
    Span,
    SpanKind,
    StatusCode,
    Tracer,
    TracerProvider,
)

from logleap.ports.task import TrainingContext, TrainingTask

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

from logleap.domain.runs import JsonObject
from logleap.extras import install_command

log = logging.getLogger(__name__)

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def build_tracer_provider() -> TracerProvider:
    """The process's tracer provider, if one is set; else a new one, if an OTEL_… variable names an endpoint.

    A new one sends spans over OTLP/HTTP and becomes the process's own, so that a training task can add spans
    through `opentelemetry.trace`. Without either, a provider that does nothing.
    https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
    """
    current = trace.get_tracer_provider()
    if not isinstance(current, ProxyTracerProvider):
        return current  # set by `opentelemetry-instrument`, for example
    wanted = any(os.environ.get(name) for name in _ENDPOINTS)
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if not wanted or off or os.environ.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return NoOpTracerProvider()
    if importlib.util.find_spec("opentelemetry.exporter.otlp.proto.http") is None:
        log.warning("traces are off: the OpenTelemetry SDK is not installed: %s", install_command("otel"))
        return NoOpTracerProvider()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    provider = sdk_provider(OTLPSpanExporter())
    trace.set_tracer_provider(provider)
    return provider


def sdk_provider(exporter: "SpanExporter") -> "SdkTracerProvider":
    """The SDK's provider, which OTEL_… variables configure: sampler, resource, batches."""
    from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = Resource({SERVICE_NAME: "logleap"}).merge(OTELResourceDetector().detect())
    provider = SdkTracerProvider(resource=Resource.create().merge(named))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def shut_down(provider: TracerProvider) -> None:
    """Send the spans that are still buffered, for a few seconds at most."""
    shutdown = getattr(provider, "shutdown", None)  # the SDK's: the API has none
    if shutdown is not None:
        shutdown()


def traced_tasks(tasks: Mapping[str, TrainingTask], tracer: Tracer) -> dict[str, TrainingTask]:
    """The tasks, each in a span of its own."""

    def traced(name: str, task: TrainingTask) -> TrainingTask:
        @wraps(task)
        def run(context: TrainingContext) -> JsonObject:
            with span(tracer, "task", attributes={"logleap.task": name}):
                return task(context)

        return run

    return {name: traced(name, task) for name, task in tasks.items()}


@contextmanager
def span(
    tracer: Tracer,
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    parent: Context | None = None,
    attributes: Mapping[str, str | int] | None = None,
) -> Iterator[Span]:
    """A span around the block, below `parent` or the current span.

    An exception marks it as failed. Only the exception's type is recorded: its text may quote a log line.
    """
    with tracer.start_as_current_span(
        name, parent, kind, attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except BaseException as error:
            current.set_attribute("error.type", type(error).__name__)
            current.set_status(StatusCode.ERROR)
            raise
