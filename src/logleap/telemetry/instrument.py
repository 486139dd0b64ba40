"""Instruments the ports from outside, where the parts are wired: neither the core nor the adapters notice."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import wraps
from inspect import isabstract, isfunction
from time import perf_counter
from typing import Any, ParamSpec, TypeVar, cast

from opentelemetry.trace import NoOpTracer, SpanKind, Tracer

from logleap.backends import Backend
from logleap.domain.datasets import Dataset, Event, EventKind
from logleap.domain.entries import Entry
from logleap.domain.runs import Run, TrainingMessage
from logleap.telemetry.metrics import Metrics
from logleap.telemetry.tracing import span
from logleap.usecases.append import EntrySource

Port = TypeVar("Port")
Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")

Hook = Callable[[Callable[..., Any]], Callable[..., Any]]
"""Takes a method of an adapter, answers what is called in its place: of the same name, by functools.wraps."""


def around(port: Port, hook: Hook | Mapping[str, Hook]) -> Port:
    """The port with its methods hooked: each by its own hook, by name, or all that its ABC declares by one.

    All else is the adapter's own. Raises TypeError for a name that is not a method of the port's ABC.
    """
    methods = _methods_of(port)
    hooks = hook if isinstance(hook, Mapping) else dict.fromkeys(methods, hook)
    if unknown := hooks.keys() - methods:
        raise TypeError(
            f"{type(port).__name__} has no {', '.join(sorted(unknown))}: its port declares {sorted(methods)}"
        )
    return cast("Port", _Instrumented(port, methods, hooks))


def _methods_of(port: object) -> frozenset[str]:
    if isinstance(port, _Instrumented):
        return port.methods
    return frozenset(
        name
        for base in type(port).__mro__
        if isabstract(base)
        for name, member in vars(base).items()
        if isfunction(member) and not name.startswith("_")
    )


class _Instrumented:
    def __init__(self, port: object, methods: frozenset[str], hooks: Mapping[str, Hook]) -> None:
        self.methods = methods
        self._port = port
        for name, hook in hooks.items():
            setattr(self, name, hook(getattr(port, name)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


@dataclass(frozen=True, slots=True)
class Instruments:
    """Times and traces the steps of the work, and counts their results.

    Without a tracer that does anything, nothing stands in the way of a call for the sake of traces.
    """

    metrics: Metrics
    tracer: Tracer

    def instrument(self, backend: Backend) -> Backend:
        """The backend, timed, traced and counted."""
        self.metrics.show_disks(backend.folders, backend.disk_reserve)
        return replace(
            backend,
            store=around(backend.store, {"append": self._step("append")}),
            ledger=around(backend.ledger, {"add": self._step("commit")}),
            queue=around(backend.queue, {"publish": self._step("publish", SpanKind.PRODUCER)}),
            runs=around(
                backend.runs,
                {
                    "save": self._count_claims,
                    "finish": self._count_ended,
                    "outbox": self._count_outbox,
                    "due": self._count_overdue,
                },
            ),
        )

    def trace_source(self, source: EntrySource) -> EntrySource:
        """The entries of a request, the decoding of each chunk in a span of its own."""
        return _TracedSource(source, self.tracer) if self.traces else source

    @property
    def traces(self) -> bool:
        """Whether spans go anywhere."""
        return not isinstance(self.tracer, NoOpTracer)

    def _step(
        self, name: str, kind: SpanKind = SpanKind.INTERNAL
    ) -> Callable[[Callable[Arguments, Answer]], Callable[Arguments, Answer]]:
        observe = self.metrics.step(name)

        def hook(call: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
            traced = self._traced(name, kind, call) if self.traces else call

            @wraps(call)
            def timed(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
                began = perf_counter()
                try:
                    return traced(*args, **kwargs)
                finally:
                    observe(perf_counter() - began)

            return timed

        return hook

    def _traced(
        self, name: str, kind: SpanKind, call: Callable[Arguments, Answer]
    ) -> Callable[Arguments, Answer]:
        @wraps(call)
        def traced(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
            with span(self.tracer, name, kind):
                return call(*args, **kwargs)

        return traced

    def _count_claims(self, save: Callable[[Run, Event | None], None]) -> Callable[..., None]:
        @wraps(save)
        def saved(run: Run, event: Event | None = None) -> None:
            save(run, event)
            if event is not None and event.kind is EventKind.TRAINING_CLAIMED:
                self.metrics.claimed(run)

        return saved

    def _count_ended(self, finish: Callable[[Dataset, Run, Event], None]) -> Callable[..., None]:
        @wraps(finish)
        def finished(dataset: Dataset, run: Run, event: Event) -> None:
            finish(dataset, run, event)
            self.metrics.ended(run)

        return finished

    def _count_outbox(self, outbox: Callable[[int], Sequence[TrainingMessage]]) -> Callable[..., Any]:
        @wraps(outbox)
        def found(limit: int) -> Sequence[TrainingMessage]:
            messages = outbox(limit)
            self.metrics.swept(outbox=len(messages))
            return messages

        return found

    def _count_overdue(self, due: Callable[..., Sequence[Run]]) -> Callable[..., Any]:
        @wraps(due)
        def found(now: datetime, limit: int, latest: datetime | None = None) -> Sequence[Run]:
            runs = due(now, limit, latest)
            self.metrics.swept(overdue=len(runs))
            return runs

        return found


@dataclass(frozen=True, slots=True)
class _TracedSource:
    source: EntrySource
    tracer: Tracer

    def __iter__(self) -> Iterator[Sequence[Entry]]:
        chunks = iter(self.source)
        while True:
            with span(self.tracer, "decode"):
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield chunk

    @property
    def sha256(self) -> str:
        """The source's own."""
        return self.source.sha256
