"""The trace of a training: from the request that starts it, through the message, to the run and its task."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NoOpTracerProvider

from logleap.container import Container
from logleap.entrypoints.worker.worker import make_worker
from logleap.ports.errors import Unavailable
from logleap.ports.task import TaskFailed
from logleap.telemetry.tracing import build_tracer_provider, sdk_provider, shut_down, span

ENTRY = {"timestamp": "2026-03-02T06:00:00Z", "message": "a secret line"}
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CALLER = {"traceparent": f"00-{TRACE}-{SPAN}-01"}


class Traced:
    """Spans as they are told, in memory."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = sdk_provider(self._exporter)

    def spans(self, trace: str = TRACE) -> Mapping[str, ReadableSpan]:
        """The spans of a trace, by name."""
        self.provider.force_flush()
        spans = self._exporter.get_finished_spans()
        return {span.name: span for span in spans if f"{span.context.trace_id:032x}" == trace}

    def text(self) -> str:
        """All that is told."""
        self.provider.force_flush()
        return "".join(span.to_json() for span in self._exporter.get_finished_spans())


@pytest.fixture
def traced() -> Iterator[Traced]:
    """Servers started from now on are traced."""
    made = Traced()
    with Container.tracer_provider.override(made.provider):
        yield made
    shut_down(made.provider)


def parent(span: ReadableSpan) -> str | None:
    return None if span.parent is None else f"{span.parent.span_id:016x}"


def id_of(span: ReadableSpan) -> str:
    return f"{span.context.span_id:016x}"


def ended(traced: Traced) -> Mapping[str, ReadableSpan]:
    """The spans of the caller's trace, as soon as the run's has ended."""
    deadline = time.monotonic() + 10
    while "run" not in (spans := traced.spans()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return spans


def test_a_trace_leads_from_the_request_through_the_message_to_the_task(
    start_server: Any, traced: Traced
) -> None:
    with start_server(with_worker=True) as server:
        data_id = server.announce()
        server.append(data_id, ENTRY)
        run_id = server.http.post(f"/train/{data_id}", headers=CALLER).json()["runId"]
        spans = ended(traced)
    request, publish, run, task = (spans[name] for name in ("POST /train/<dataId>", "publish", "run", "task"))
    assert parent(request) == SPAN
    assert parent(publish) == parent(run) == id_of(request)
    assert parent(task) == id_of(run)
    assert run.attributes == {"logleap.data_id": data_id, "logleap.run_id": run_id}


def test_a_message_that_the_sweep_sends_belongs_to_the_request_s_trace(
    start_server: Any, traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(body: bytes) -> None:
        raise Unavailable("the queue is down")

    with start_server(with_worker=True) as server:
        data_id = server.announce()
        server.append(data_id, ENTRY)
        with monkeypatch.context() as patched:
            patched.setattr(server.container.backend().queue, "publish", down)
            server.http.post(f"/train/{data_id}", headers=CALLER)
        make_worker(server.container).sweep_once()
        spans = ended(traced)
    assert parent(spans["run"]) == id_of(spans["POST /train/<dataId>"])


def test_the_steps_of_an_upload_are_spans(start_server: Any, traced: Traced) -> None:
    with start_server() as server:
        data_id = server.announce()
        server.http.post(f"/data/{data_id}", json=ENTRY, headers=CALLER)
    spans = traced.spans()
    request = spans["POST /data/<dataId>"]
    assert request.attributes is not None
    assert request.attributes["http.response.status_code"] == 200
    assert {parent(spans[step]) for step in ("decode", "append", "commit")} == {id_of(request)}


def test_a_task_that_fails_marks_its_span_and_tells_no_line_of_the_log(
    start_server: Any, traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(context: Any) -> Any:
        with span(traced.provider.get_tracer("a task"), "inner"):
            raise TaskFailed(next(context.training_set.rows()).entry.message)

    with start_server(with_worker=True) as server:
        monkeypatch.setitem(server.container.tasks(), "count-entries", failing)
        data_id = server.announce()
        server.append(data_id, ENTRY, Authorization="Bearer very-secret")
        server.http.post(f"/train/{data_id}", headers=CALLER)
        inner = ended(traced)["inner"]
    assert inner.attributes == {"error.type": "TaskFailed"}
    assert not inner.status.is_ok
    assert "secret" not in traced.text()


def test_without_an_endpoint_nothing_is_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    assert isinstance(build_tracer_provider(), NoOpTracerProvider)
