"""What `GET /metrics` tells."""

import http.client
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from logleap.entrypoints.worker.worker import make_worker
from logleap.ports.errors import Unavailable
from logleap.ports.task import TaskFailed
from logleap.telemetry.metrics import Metrics

ENTRIES = [{"timestamp": "2026-03-02T06:00:00Z", "message": f"entry {number}"} for number in range(3)]


def metrics(server: Any) -> Callable[..., float]:
    """The metrics as they are now: the value of a series by its name and labels, 0 where there is none."""
    answer = server.http.get("/metrics")
    assert answer.status_code == 200
    values = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    return lambda name, **labels: values.get((f"logleap_{name}", frozenset(labels.items())), 0.0)


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_main_job_shows_in_the_metrics(start_server: Any) -> None:
    with start_server(with_worker=True) as server:
        data_id = server.announce()
        for _ in range(2):  # the second is a repetition
            assert server.append(data_id, ENTRIES, **{"Idempotency-Key": "k"}).is_success
        server.append(data_id, ENTRIES[0])
        server.append(data_id, [])
        server.http.post(f"/train/{data_id}")
        until(lambda: metrics(server)("runs_total", outcome="succeeded", code="") == 1)
        value = metrics(server)
    posts = {"method": "POST", "route": "/data/<dataId>"}
    assert value("http_requests_total", status="200", **posts) == 3
    assert value("http_requests_total", status="422", **posts) == 1
    assert value("http_request_duration_seconds_count", **posts) == 4
    assert value("refusals_total", code="BATCH_EMPTY") == 1
    assert value("accepted_entries_total") == 4
    assert value("batch_entries_bucket", le="1.0") == 1
    assert value("batch_entries_bucket", le="10.0") == 2
    assert value("step_duration_seconds_count", step="append") == 2
    assert value("step_duration_seconds_count", step="commit") == 2
    assert value("step_duration_seconds_count", step="publish") == 1
    assert value("queue_lag_seconds_count") == 1
    assert value("run_duration_seconds_count", outcome="succeeded") == 1


def test_bytes_are_counted_as_they_were_sent(start_server: Any) -> None:
    with start_server() as server:
        data_id = server.announce()
        body = b'{"timestamp": "2026-03-02T06:00:00Z", "message": "ok"}'
        headers = {"Content-Type": "application/json"}
        assert server.http.post(f"/data/{data_id}", content=body, headers=headers).is_success
        assert metrics(server)("accepted_bytes_total") == len(body)


def test_a_failed_run_is_counted_by_its_code(start_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(context: Any) -> Any:
        raise TaskFailed("too few lines")

    with start_server(with_worker=True) as server:
        monkeypatch.setitem(server.container.tasks(), "count-entries", failing)
        data_id = server.announce()
        server.append(data_id, ENTRIES)
        server.http.post(f"/train/{data_id}")
        until(lambda: metrics(server)("runs_total", outcome="failed", code="TASK_FAILED") == 1)


def test_what_the_sweep_finds_unpublished_or_overdue_shows(
    start_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(body: bytes, owner: str) -> None:
        raise Unavailable("the queue is down")

    with start_server(run_patience=0.1) as server:
        queue = server.container.backend().queue
        with monkeypatch.context() as patched:
            patched.setattr(queue, "publish", down)
            data_id = server.announce()
            server.append(data_id, ENTRIES)
            assert server.http.post(f"/train/{data_id}").status_code == 202
        worker = make_worker(server.container)
        time.sleep(0.15)
        worker.sweep_once()
        assert metrics(server)("outbox_messages") == 1
        assert metrics(server)("overdue_runs") == 1
        worker.sweep_once()
        assert metrics(server)("outbox_messages") == 0
        assert metrics(server)("overdue_runs") == 0


def test_two_apps_in_one_process_count_apart(start_server: Any) -> None:
    with start_server() as one, start_server() as other:
        one.announce()
        assert metrics(one)("http_requests_total", method="POST", route="/data", status="201") == 1
        assert metrics(other)("http_requests_total", method="POST", route="/data", status="201") == 0


def test_health_checks_and_scrapes_are_not_counted(start_server: Any) -> None:
    with start_server() as server:
        for path in ("/healthz", "/readyz", "/metrics"):
            assert server.http.get(path).is_success
        assert "route=" not in server.http.get("/metrics").text


def test_no_client_can_make_series_up(start_server: Any) -> None:
    with start_server() as server:
        for number in range(3):
            server.http.get(f"/no-such-path-{number}")
            server.http.get(f"/data/no-such-id-{number}")
            server.http.request(f"MADEUP{number}", "/data")
        text = server.http.get("/metrics").text
    assert "no-such" not in text
    assert "MADEUP" not in text
    series = [line for line in text.splitlines() if line.startswith("logleap_http_requests_total")]
    assert len(series) == 3


def test_the_documentation_names_each_metric(tmp_path: Path) -> None:
    metrics = Metrics()
    metrics.show_disks({"data": tmp_path}, reserve=0)
    page = Path(__file__).parents[3].joinpath("docs", "operations.md").read_text()
    told = set(re.findall(r"^\| `(logleap_\w+)` \|", page, re.MULTILINE))
    families = (family for family in metrics.registry.collect() if family.name.startswith("logleap_"))
    assert told == {family.name + ("_total" if family.type == "counter" else "") for family in families}
    alerts = re.findall(r"(logleap_\w+?)(?:_bucket)?(?=[{)\[ ])", page[page.index("## Alerts") :])
    assert set(alerts) <= told
    assert len(alerts) > 5


def test_no_metric_has_an_owner(start_server: Any) -> None:
    with start_server() as server:
        server.append(server.announce(), ENTRIES)
        assert "anonymous" not in server.http.get("/metrics").text


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [("*/*", "text/plain"), ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text")],
)
def test_metrics_come_in_the_format_that_is_asked_for(
    start_server: Any, accept: str, content_type: str
) -> None:
    with start_server() as server:
        answer = server.http.get("/metrics", headers={"Accept": accept})
    assert answer.headers["Content-Type"].startswith(content_type)


def test_counts_stay_right_under_many_threads(start_server: Any) -> None:
    with start_server() as server:
        data_id = server.announce()

        def upload() -> None:
            with httpx2.Client(base_url=server.url, trust_env=False) as http:
                for _ in range(20):
                    assert http.post(f"/data/{data_id}", json=ENTRIES).is_success

        threads = [threading.Thread(target=upload) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert metrics(server)("accepted_entries_total") == 4 * 20 * 3


@pytest.mark.parametrize(
    "path", ["//metrics", "/%6detrics", "/metrics/", "/metric%73", "http://localhost/metrics"]
)
def test_no_other_spelling_of_the_path_leads_to_the_metrics(server: Any, path: str) -> None:
    address = urlsplit(server.url)
    for asked, expected in ((path, 404), ("/metrics", 200), ("/metrics?x=1", 200)):
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=20)
        connection.request("GET", asked)
        assert connection.getresponse().status == expected, asked
        connection.close()
