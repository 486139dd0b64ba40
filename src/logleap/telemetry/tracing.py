"""Traces: from the request that started a training to its run, by OpenTelemetry where that is asked for."""

import importlib.util
import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from types import MappingProxyType

from logleap.extras import install_command

log = logging.getLogger(__name__)

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")

Attributes = Mapping[str, str | int]

NO_ATTRIBUTES: Attributes = MappingProxyType({})


class Kind(Enum):
    """What a span is to others: https://opentelemetry.io/docs/concepts/signals/traces/#span-kind."""

    INTERNAL = "INTERNAL"
    SERVER = "SERVER"
    PRODUCER = "PRODUCER"
    CONSUMER = "CONSUMER"


class Tracing(ABC):
    """Spans around blocks of work. No call raises, or waits for anybody."""

    @abstractmethod
    def span(
        self,
        name: str,
        kind: Kind = Kind.INTERNAL,
        parent: str | None = None,
        attributes: Attributes = NO_ATTRIBUTES,
    ) -> AbstractContextManager[object]:
        """A span around the block; what the block raises marks it as failed.

        Its parent is the one whose `traceparent` is given, else the span around it.
        """

    @abstractmethod
    def note(self, attributes: Attributes, *, failed: bool = False) -> None:
        """Add attributes to the span around, and whether what it stands for failed."""

    @abstractmethod
    def traceparent(self) -> str | None:
        """The span around, in W3C's form (https://www.w3.org/TR/trace-context/), if there is one."""

    @abstractmethod
    def close(self) -> None:
        """Send what was not sent yet, for a few seconds at most."""


class NoTracing(Tracing):
    """Nothing is traced, and nothing of OpenTelemetry is imported."""

    _NOTHING: AbstractContextManager[object] = nullcontext()

    def span(
        self,
        name: str,
        kind: Kind = Kind.INTERNAL,
        parent: str | None = None,
        attributes: Attributes = NO_ATTRIBUTES,
    ) -> AbstractContextManager[object]:
        """No span."""
        return self._NOTHING

    def note(self, attributes: Attributes, *, failed: bool = False) -> None:
        """Nothing to add to."""

    def traceparent(self) -> str | None:
        """No span, no name."""
        return None

    def close(self) -> None:
        """Nothing to send."""


def build_tracing() -> Tracing:
    """Tracing as the standard OTEL_… variables want it: none unless one of them names an OTLP endpoint.

    https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
    """
    wanted = any(os.environ.get(name) for name in _ENDPOINTS)
    off = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if not wanted or off or os.environ.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return NoTracing()
    if importlib.util.find_spec("opentelemetry.exporter.otlp.proto.http") is None:
        log.warning(f"no traces: OpenTelemetry is not installed: {install_command('otel')}")
        return NoTracing()
    from logleap.telemetry.otlp import over_otlp

    return over_otlp()
