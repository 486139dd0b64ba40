"""Watches the ports from outside, where the parts are put together: neither core nor adapters notice."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import wraps
from time import perf_counter
from typing import Any, ParamSpec, TypeVar, cast

from logleap.backends import Backend
from logleap.domain.datasets import Dataset, Event, EventKind
from logleap.domain.entries import Entry
from logleap.domain.runs import Run, TrainingMessage
from logleap.ports.task import TrainingTask
from logleap.telemetry.metrics import Metrics
from logleap.telemetry.tracing import Kind, NoTracing, Tracing
from logleap.usecases.append import EntrySource

Port = TypeVar("Port")
Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def watched(port: Port, **around: Callable[[Any], Callable[..., Any]]) -> Port:
    """The port with the named methods decorated; all else is its own."""
    return cast("Port", _Watched(port, around))


class _Watched:
    def __init__(self, port: object, around: Mapping[str, Callable[[Any], Callable[..., Any]]]) -> None:
        self._port = port
        for name, decorate in around.items():
            setattr(self, name, decorate(getattr(port, name)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


@dataclass(frozen=True, slots=True)
class Watch:
    """Times the steps of the work, traces them, and counts what comes of it."""

    metrics: Metrics
    tracing: Tracing

    def over(self, backend: Backend) -> Backend:
        """The backend, watched."""
        return replace(
            backend,
            store=watched(backend.store, append=self._stepped("append")),
            ledger=watched(backend.ledger, add=self._stepped("commit")),
            queue=watched(backend.queue, publish=self._stepped("publish", Kind.PRODUCER)),
            runs=watched(
                backend.runs, save=self._saving, finish=self._finishing, outbox=self._outbox, due=self._due
            ),
        )

    def over_tasks(self, tasks: Mapping[str, TrainingTask]) -> dict[str, TrainingTask]:
        """The tasks, each in a span of its own."""

        def traced(name: str, task: TrainingTask) -> TrainingTask:
            @wraps(task)
            def run(context: Any) -> Any:
                with self.tracing.span("task", attributes={"logleap.task": name}):
                    return task(context)

            return run

        return {name: traced(name, task) for name, task in tasks.items()}

    def over_source(self, source: EntrySource) -> EntrySource:
        """The entries of a request, the decoding of each chunk in a span of its own."""
        return source if isinstance(self.tracing, NoTracing) else _TracedSource(source, self.tracing)

    def _stepped(
        self, name: str, kind: Kind = Kind.INTERNAL
    ) -> Callable[[Callable[Arguments, Answer]], Callable[Arguments, Answer]]:
        took = self.metrics.took(name)

        def decorate(call: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
            traced = self._traced(name, kind, call)

            def stepped(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
                began = perf_counter()
                try:
                    return traced(*args, **kwargs)
                finally:
                    took(perf_counter() - began)

            return stepped

        return decorate

    def _traced(
        self, name: str, kind: Kind, call: Callable[Arguments, Answer]
    ) -> Callable[Arguments, Answer]:
        if isinstance(self.tracing, NoTracing):
            return call

        def traced(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
            with self.tracing.span(name, kind):
                return call(*args, **kwargs)

        return traced

    def _saving(self, save: Callable[[Run, Event | None], None]) -> Callable[..., None]:
        def saved(run: Run, event: Event | None = None) -> None:
            save(run, event)
            if event is not None and event.kind is EventKind.TRAINING_CLAIMED:
                self.metrics.claimed(run)

        return saved

    def _finishing(self, finish: Callable[[Dataset, Run, Event], None]) -> Callable[..., None]:
        def finished(dataset: Dataset, run: Run, event: Event) -> None:
            finish(dataset, run, event)
            self.metrics.ended(run)

        return finished

    def _outbox(self, outbox: Callable[[int], Sequence[TrainingMessage]]) -> Callable[..., Any]:
        def found(limit: int) -> Sequence[TrainingMessage]:
            messages = outbox(limit)
            self.metrics.swept(outbox=len(messages))
            return messages

        return found

    def _due(self, due: Callable[[datetime, int], Sequence[Run]]) -> Callable[..., Any]:
        def found(now: datetime, limit: int) -> Sequence[Run]:
            runs = due(now, limit)
            self.metrics.swept(overdue=len(runs))
            return runs

        return found


@dataclass(frozen=True, slots=True)
class _TracedSource:
    source: EntrySource
    tracing: Tracing

    def __iter__(self) -> Iterator[Sequence[Entry]]:
        chunks = iter(self.source)
        while True:
            with self.tracing.span("decode"):
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield chunk

    @property
    def sha256(self) -> str:
        """The source's own."""
        return self.source.sha256
