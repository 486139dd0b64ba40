"""On Google Cloud nobody gets in without a key, unless that is said."""

from typing import Any
from uuid import uuid4

import pytest

from logleap.container import Container, build_container
from logleap.entrypoints.http.app import create_app
from logleap.settings import Settings, SettingsError


def test_it_starts_once_a_key_is_in_firestore_or_none_is_asked_for(
    emulators: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in emulators.exports().items():
        monkeypatch.setenv(name, value)
    prefix = f"t{uuid4().hex[:12]}"

    def container(**settings: Any) -> Container:
        return build_container(Settings(backend="gcp", firestore_prefix=prefix, **settings))

    opened = [container(), container(), container(auth="none")]
    with pytest.raises(SettingsError, match="logleap keys create --owner NAME"):
        create_app(opened[0])
    assert create_app(opened[2]).test_client().get("/data").json == {"datasets": [], "nextPageToken": None}
    key, text = opened[0].create_key()("anna")
    guarded = create_app(opened[1]).test_client()
    assert guarded.get("/data").status_code == 401
    assert guarded.get("/data", headers={"X-API-Key": text}).status_code == 200
    opened[0].revoke_key()(key.key_id)
    for each in opened:
        each.backend().close()
