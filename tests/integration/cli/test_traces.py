"""Traces leave the process over OTLP."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx2
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector(HTTPServer):
    """Takes spans by OTLP over HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.taken: list[ExportTraceServiceRequest] = []


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_spans_go_to_the_endpoint_that_is_set_the_last_ones_when_the_server_stops(
    serving: Any, collector: Collector
) -> None:
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    with serving(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_SERVICE_NAME="intake") as server:
        httpx2.post(f"{server.url}/data", trust_env=False).raise_for_status()
        assert server.stop() == 0
    resources = [resource for taken in collector.taken for resource in taken.resource_spans]
    spans = [span.name for resource in resources for scope in resource.scope_spans for span in scope.spans]
    named = {
        a.value.string_value for r in resources for a in r.resource.attributes if a.key == "service.name"
    }
    assert spans == ["POST /data"]
    assert named == {"intake"}
