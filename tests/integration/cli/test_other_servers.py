"""The client at an address where something else answers: a line that says so, never a traceback."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from click.testing import CliRunner

from logleap.client import ApiError, Client
from logleap.entrypoints.cli import main

DATASET = {
    "dataId": "d",
    "name": None,
    "state": "created",
    "entries": 1,
    "batches": 1,
    "runId": None,
    "createdAt": "2026-03-02T06:00:00Z",
}
OTHERS: list[tuple[int, Any]] = [
    (200, {}),
    (200, []),
    (200, "ok"),
    (200, None),
    (200, {"dataId": 5}),
    (200, {"dataId": None, "runId": [], "events": {}, "datasets": [5], "nextPageToken": 7}),
    (200, {"datasets": [{"dataId": "d"}], "nextPageToken": None}),
    (200, {"runId": "r", "state": 5}),
    (200, {"runId": "r", "task": "t", "entries": 1, "state": "failed", "error": "x"}),
    (200, {**DATASET, "archive": None}),
    (200, {**DATASET, "histogram": [1]}),
    (201, {"accepted": "3"}),
    (204, None),
    (400, {"errors": {"a": 1}, "detail": ["x"]}),
    (400, {"errors": ["a", {"field": 1}]}),
    (404, []),
    (500, None),
]


@pytest.fixture(params=OTHERS, ids=repr)
def other(request: pytest.FixtureRequest) -> Iterator[str]:
    status, answer = request.param

    class Other(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = b"" if status == 204 else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 -- the names that are looked up

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Other)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    "command",
    [["status"], ["status", "d"], ["train", "d", "--wait"], ["archive", "d"], ["report", "d"], ["push", "-"]],
    ids=" ".join,
)
def test_an_answer_that_is_not_logleaps_is_said_to_be_none(other: str, command: list[str]) -> None:
    line = '{"timestamp": "2026-03-02T06:00:00Z", "message": "x"}\n'
    result = CliRunner().invoke(main, [*command, "--url", other, "--patience", "0"], input=line)
    assert isinstance(result.exception, SystemExit | None), result.exception
    assert result.exit_code in (1, 3)
    assert result.output


def test_the_client_raises_for_it_what_it_raises_for_refusals(other: str) -> None:
    with Client(other, patience=0) as client:
        for call in (client.run, client.report):
            with pytest.raises(ApiError, match=r"not from LogLeap|\['x'\]"):
                call("d")
