"""`logleap keys`, beside a running server process."""

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def local(tmp_path: Path) -> dict[str, str]:
    return {"LOGLEAP_BACKEND": "local", "LOGLEAP_DATA_DIR": str(tmp_path)}


def test_a_key_is_made_used_listed_and_revoked(logleap: Any, serving: Any, local: dict[str, str]) -> None:
    with serving(["--no-worker"], backend="local", **local) as server:
        made = logleap("keys", "create", "--owner", "anna", "--note", "for the nightly tests", **local)
        assert made.returncode == 0, made.stderr
        text = made.stdout.strip()
        key_id, _, secret = text.partition(".")
        assert "not shown again" in made.stderr
        assert "logleap keys create --owner anonymous" in made.stderr  # this was the first key
        status = ("status", "--url", server.url)
        assert logleap(*status, LOGLEAP_API_KEY=text).returncode == 0
        assert "X-API-Key" in logleap(*status).stderr

        listed = logleap("keys", "list", **local).stdout
        for shown in (key_id, "anna", "valid", "for the nightly tests"):
            assert shown in listed
        revoked = logleap("keys", "revoke", key_id, "--json", **local)
        assert json.loads(revoked.stdout)["revokedAt"] is not None
        assert "revoked" in logleap("keys", "list", **local).stdout
    assert secret not in listed + revoked.stdout + "".join(
        path.read_bytes().decode("latin-1") for path in Path(local["LOGLEAP_DATA_DIR"]).iterdir()
    )


def test_json_is_for_scripts(logleap: Any, local: dict[str, str]) -> None:
    made = json.loads(logleap("keys", "create", "--owner", "anna", "--json", **local).stdout)
    assert made.pop("key").startswith(f"{made['keyId']}.")
    assert json.loads(logleap("keys", "list", "--json", **local).stdout) == [made]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["revoke", "nobody"], 1, "no stored key 'nobody'"),
        (["create", "--owner", "a:b"], 1, "The owner is 'a:b'"),
        (["create", "--owner", "anna", "--backend", "memory"], 2, "LOGLEAP_API_KEYS"),
    ],
)
def test_what_cannot_be_done_is_said(
    logleap: Any, local: dict[str, str], arguments: list[str], code: int, says: str
) -> None:
    done = logleap("keys", *arguments, **local)
    assert done.returncode == code
    assert says in done.stderr
