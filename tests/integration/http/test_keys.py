"""Keys over HTTP, made and revoked while the server runs."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from logleap.client import ApiError, Client
from logleap.container import Container, build_container
from logleap.entrypoints.http.app import create_app
from logleap.ports.errors import Unavailable
from logleap.settings import Settings, SettingsError
from logleap.usecases.keys import TRUST

ENTRY = {"timestamp": "2026-03-02T06:00:00Z", "message": "ok"}


@pytest.fixture
def another_process(tmp_path: Path) -> Iterator[Container]:
    """What `logleap keys` opens: the same file, not through the server."""
    container = Container(settings=Settings(backend="local", data_dir=tmp_path))
    yield container
    container.backend().close()


@pytest.fixture
def open_server(start_server: Any, tmp_path: Path) -> Iterator[Any]:
    """A server on loopback that no key guards yet."""
    with start_server(backend="local", data_dir=tmp_path) as server:
        yield server
        server.container.backend().close()


def show(key: str) -> dict[str, str]:
    return {"X-API-Key": key}


def test_the_first_key_closes_a_running_server_and_one_for_anonymous_opens_what_was_there(
    open_server: Any, another_process: Container
) -> None:
    data_id = open_server.announce()
    anna = another_process.create_key()("anna")[1]
    refused = open_server.http.get(f"/data/{data_id}")
    assert (refused.status_code, refused.json()["code"]) == (401, "API_KEY_MISSING")
    assert open_server.http.get("/data", headers=show(anna)).json()["datasets"] == []
    anonymous = another_process.create_key()("anonymous")[1]
    assert open_server.http.get(f"/data/{data_id}", headers=show(anonymous)).is_success


def test_keys_rotate_while_the_server_runs_and_the_data_stays(
    open_server: Any, another_process: Container
) -> None:
    (old, old_text), (_, new_text) = (another_process.create_key()("anna") for _ in range(2))
    data_id = open_server.http.post("/data", headers=show(old_text)).json()["dataId"]
    assert open_server.http.post(f"/data/{data_id}", json=ENTRY, headers=show(old_text)).is_success
    another_process.revoke_key()(old.key_id)
    time.sleep(TRUST)
    refused = open_server.http.get(f"/data/{data_id}", headers=show(old_text))
    unknown = open_server.http.get(f"/data/{data_id}", headers=show("nobody.secret"))
    assert (refused.status_code, refused.json()["code"]) == (401, "API_KEY_INVALID")
    assert refused.json() | {"requestId": ""} == unknown.json() | {"requestId": ""}
    assert open_server.http.get(f"/data/{data_id}", headers=show(new_text)).json()["entries"] == 1
    assert open_server.http.post(f"/train/{data_id}", headers=show(new_text)).status_code == 202


def test_a_client_that_changes_its_key_in_the_middle_of_a_push_loses_and_doubles_nothing(
    open_server: Any, another_process: Container
) -> None:
    (old, old_text), (_, new_text) = (another_process.create_key()("anna") for _ in range(2))
    with Client(open_server.url, api_key=old_text) as client:
        data_id = client.announce()["dataId"]
        pushed = client.push(data_id, [ENTRY] * 900, batch_size=10, keys="shift-1")
        for _ in range(30):
            next(pushed)
        another_process.revoke_key()(old.key_id)
        time.sleep(TRUST)
        with pytest.raises(ApiError) as refused:
            next(pushed)
        assert (refused.value.status, refused.value.code) == (401, "API_KEY_INVALID")
    with Client(open_server.url, api_key=new_text) as client:
        *_, last = client.push(data_id, [ENTRY] * 900, batch_size=10, keys="shift-1")
        assert last.entries == 900
        assert client.dataset(data_id)["entries"] == 900


def test_revoking_the_last_key_does_not_open_the_server_again(
    open_server: Any, another_process: Container
) -> None:
    only, _ = another_process.create_key()("anna")
    another_process.revoke_key()(only.key_id)
    assert open_server.http.get("/data").status_code == 401


# ---- starting ----------------------------------------------------------------------------------------------


def app_of(container: Container) -> Any:
    return create_app(container).test_client()


def test_stored_keys_are_enough_where_keys_are_required(tmp_path: Path, another_process: Container) -> None:
    text = another_process.create_key()("anna")[1]
    needing: list[dict[str, Any]] = [{"auth": "keys"}, {"host": "0.0.0.0"}]
    for settings in needing:
        container = build_container(Settings(backend="local", data_dir=tmp_path, **settings))
        app = app_of(container)
        assert app.get("/data").status_code == 401
        assert app.get("/data", headers=show(text)).status_code == 200
        container.backend().close()


def test_auth_none_asks_for_no_key_though_there_are_some(tmp_path: Path, another_process: Container) -> None:
    another_process.create_key()("anna")
    container = build_container(Settings(backend="local", data_dir=tmp_path, auth="none", host="0.0.0.0"))
    assert app_of(container).get("/data").status_code == 200
    container.backend().close()


@pytest.mark.parametrize("settings", [{"auth": "keys"}, {"host": "0.0.0.0"}, {"host": "example.org"}])
@pytest.mark.parametrize("backend", ["memory", "local"])
def test_without_any_key_a_server_that_needs_them_does_not_start(
    tmp_path: Path, backend: str, settings: dict[str, Any]
) -> None:
    container = build_container(Settings(**{"backend": backend, "data_dir": tmp_path, **settings}))
    with pytest.raises(SettingsError) as refused:
        create_app(container)
    container.backend().close()
    assert "\n" not in str(refused.value)
    assert "LOGLEAP_API_KEYS" in str(refused.value)
    assert ("logleap keys create --owner NAME" in str(refused.value)) == (backend == "local")


def test_a_store_that_does_not_answer_at_the_start_lets_nobody_in(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    container = build_container(Settings(backend="memory", auth="keys"))

    def down(*_: object) -> Any:
        raise Unavailable("the store is away")

    for name in ("exist", "get"):
        monkeypatch.setattr(container.backend().keys, name, down)
    app = app_of(container)
    assert "the store is away" in caplog.text
    assert app.get("/data").status_code == 401
    assert app.get("/data", headers=show("a.b")).status_code == 503
