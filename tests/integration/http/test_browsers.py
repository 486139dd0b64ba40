"""What web pages and forwarding proxies may not do to a server that asks for no key."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from logleap.settings import Settings, SettingsError, load_settings

OPEN = ["/healthz", "/readyz", "/metrics"]


@pytest.fixture(scope="module")
def keyless(start_server: Any) -> Iterator[Any]:
    with start_server() as server:
        yield server


@pytest.fixture(scope="module")
def unguarded(start_server: Any) -> Iterator[Any]:
    with start_server(auth="none") as server:
        yield server


def refusal(server: Any, method: str = "GET", path: str = "/data", **headers: str) -> tuple[int, str | None]:
    """The status, and the code if there is one."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = server.http.request(method, path, headers=sent)
    problem = answer.headers["Content-Type"] == "application/problem+json" if answer.content else False
    return answer.status_code, answer.json()["code"] if problem else None


@pytest.mark.parametrize(
    "host",
    ["logs.example", "logs.example:8080", "10.0.0.4", "127.0.0.1.nip.example", "localhost.example", "[::2]"],
)
def test_a_keyless_server_answers_to_no_name_but_this_machines(keyless: Any, host: str) -> None:
    data_id = keyless.announce()
    for method, path in (
        ("GET", "/data"),
        ("GET", f"/data/{data_id}/report"),
        ("POST", f"/data/{data_id}"),
        ("POST", f"/data/{data_id}/v1/logs"),
        ("DELETE", f"/data/{data_id}"),
        ("GET", "/docs"),
        ("GET", "/nowhere"),
    ):
        status, code = refusal(keyless, method, path, Host=host)
        assert status == 403, path
        assert code in ("HOST_NOT_ALLOWED", None), path  # OTLP has an answer of its own
    assert keyless.dataset(data_id)["state"] == "created"


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8080",
        "localhost.",
        "app.localhost:1",
        "127.0.0.1:8080",
        "127.9.9.9",
        "[::1]:80",
    ],
)
def test_a_keyless_server_answers_to_all_names_of_this_machine(keyless: Any, host: str) -> None:
    assert refusal(keyless, Host=host) == (200, None)


@pytest.mark.parametrize("path", OPEN)
def test_probes_may_use_any_name_and_come_through_a_proxy(keyless: Any, path: str) -> None:
    assert refusal(keyless, path=path, Host="10.0.0.4:8080", X_Forwarded_For="10.0.0.9") == (200, None)


@pytest.mark.parametrize("path", ["/data", "/docs", "/metrics", "/healthz", "/nowhere"])
@pytest.mark.parametrize("mode", ["keyless", "unguarded"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Origin": "http://evil.example", "Sec_Fetch_Site": "cross-site"},
    ],
    ids=str,
)
def test_a_page_of_another_site_is_refused(
    request: pytest.FixtureRequest, mode: str, path: str, headers: dict[str, str]
) -> None:
    server = request.getfixturevalue(mode)
    assert refusal(server, "GET", path, **headers) == (403, "CROSS_SITE_REQUEST")


def test_a_blind_post_of_a_page_makes_no_data_set(keyless: Any) -> None:
    before = keyless.http.get("/data").json()
    assert refusal(keyless, "POST", Origin="http://evil.example", Sec_Fetch_Site="cross-site")[0] == 403
    assert keyless.http.get("/data").json() == before


@pytest.mark.parametrize("mode", ["keyless", "unguarded"])
def test_a_page_of_the_servers_own_is_answered(request: pytest.FixtureRequest, mode: str) -> None:
    server = request.getfixturevalue(mode)
    assert refusal(server, Origin=server.url, Sec_Fetch_Site="same-origin") == (200, None)
    assert refusal(server, Host="localhost", Origin="http://localhost:80") == (200, None)


@pytest.mark.parametrize(
    "header",
    ["Forwarded", "X_Forwarded_For", "X_Forwarded_Proto", "X_Forwarded_Anything", "X_Real_IP", "Via"],
)
def test_a_forwarded_request_is_refused_with_the_advice_to_set_keys(
    keyless: Any, unguarded: Any, header: str
) -> None:
    assert refusal(keyless, **{header: "x"}) == (403, "FORWARDED_WITHOUT_KEYS")
    assert refusal(unguarded, **{header: "x"}) == (200, None)


def test_without_authentication_any_name_will_do_unless_names_are_set(
    start_server: Any, unguarded: Any
) -> None:
    assert refusal(unguarded, Host="logs.example") == (200, None)
    with start_server(auth="none", allowed_hosts=("logs.example",)) as server:
        assert refusal(server, Host="LOGS.example:443", Origin="https://logs.example") == (200, None)
        assert refusal(server, Host="localhost") == (200, None)
        assert refusal(server, Origin="https://logs.example") == (
            200,
            None,
        )  # a proxy that sends its own Host
        assert refusal(server, Host="evil.example") == (403, "HOST_NOT_ALLOWED")
        assert refusal(server, path="/healthz", Host="evil.example") == (200, None)


def test_keys_guard_a_server_whatever_its_name_and_close_the_open_one(
    start_server: Any, tmp_path: Path
) -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(start_server(backend="local", data_dir=tmp_path))
        stack.callback(server.container.backend().close)
        assert refusal(server, Host="logs.example") == (403, "HOST_NOT_ALLOWED")
        key = server.container.create_key()("anna")[1]
        given = {"Host": "logs.example", "Origin": "https://pages.example", "X_Forwarded_For": "10.0.0.9"}
        assert refusal(server, **given) == (401, "API_KEY_MISSING")
        assert refusal(server, X_API_Key=key, **given) == (200, None)


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/data", "/docs", "/openapi.json", "/nowhere"])
def test_no_answer_may_be_taken_for_another_type(keyless: Any, path: str) -> None:
    assert keyless.http.get(path).headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("text", ["logs.example:80", "http://logs.example", "[::1"])
def test_a_wrong_allowed_host_stops_the_start(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGLEAP_ALLOWED_HOSTS", f"logs.example,{text}")
    with pytest.raises(SettingsError, match=r"LOGLEAP_ALLOWED_HOSTS is .*is not a host name or address"):
        load_settings()


def test_allowed_hosts_are_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGLEAP_ALLOWED_HOSTS", " logs.example, [fd00::1] ,")
    assert Settings().allowed_hosts == ("logs.example", "[fd00::1]")
