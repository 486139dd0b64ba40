"""The settings' rules that are no type of their own."""

import base64
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from logleap.backends import capabilities_of
from logleap.domain.datasets import Retention
from logleap.settings import Settings, SettingsError, load_settings

KEY = "ci:anna:" + "0" * 64


@pytest.mark.parametrize(
    ("settings", "required"),
    [
        ({"backend": "memory"}, None),
        ({"backend": "local", "host": "localhost"}, None),
        ({"backend": "local", "host": "127.8.9.1"}, None),
        ({"backend": "local", "host": "::1"}, None),
        ({"backend": "local", "host": "0.0.0.0"}, True),
        ({"backend": "memory", "host": "::"}, True),
        ({"backend": "memory", "host": ""}, True),
        ({"backend": "memory", "host": "192.168.1.5"}, True),
        ({"backend": "memory", "host": "localhost.example.org"}, True),
        ({"backend": "gcp"}, True),
        ({"backend": "memory", "api_keys": KEY}, True),
        ({"backend": "memory", "auth": "keys"}, True),
        ({"backend": "gcp", "auth": "none"}, False),
        ({"backend": "local", "host": "0.0.0.0", "auth": "none"}, False),
        ({"backend": "memory", "api_keys": KEY, "auth": "none"}, False),
    ],
)
def test_keys_are_required_wherever_others_may_reach_the_server(
    settings: dict[str, str], required: bool | None
) -> None:
    loaded = Settings.model_validate(settings)
    by_backend = capabilities_of(loaded.backend).requires_keys
    assert loaded.keys_required(by_backend=by_backend) is required


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7d", 604_800), ("36h", 129_600), ("90m", 5400), ("2w", 1_209_600), ("5s", 5), ("60", 60)],
)
def test_a_retention_is_a_number_with_its_unit(
    monkeypatch: pytest.MonkeyPatch, text: str, seconds: int
) -> None:
    monkeypatch.setenv("LOGLEAP_ARCHIVE_AFTER", text)
    monkeypatch.setenv("LOGLEAP_DELETE_AFTER", text)
    kept = timedelta(seconds=seconds)
    assert load_settings().retention == Retention(kept, kept)


@pytest.mark.parametrize("text", ["0d", "-1d", "7 days", "1.5d", "d", "", "99999d"])
def test_what_is_no_retention_is_refused_with_an_example(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("LOGLEAP_DELETE_AFTER", text)
    with pytest.raises(SettingsError, match=f"DELETE_AFTER is '{text}': must be (a positive|at most)"):
        load_settings()


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({}, "file:///srv/data/artifacts"),
        ({"archive_url": "file:///mnt/archive"}, "file:///srv/data/artifacts"),
        ({"archive_url": "gs://logs/2026/"}, "gs://logs/2026/artifacts"),
        ({"archive_url": "gs://logs", "artifact_url": "gs://models/x"}, "gs://models/x"),
    ],
)
def test_artifacts_are_beside_the_database_or_beside_archives_in_a_bucket(
    given: dict[str, Any], where: str
) -> None:
    assert Settings(data_dir=Path("/srv/data"), **given).artifacts_to == where


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("receiver.example.com/x", "must be the URL of a receiver"),
        ("ftp://hooks.example.org/x", "must be the URL of a receiver"),
        ("https:///x", "must be the URL of a receiver"),
        ("https://hooks.example.org/a b", "must be the URL of a receiver"),
        ("https://anna:pass@hooks.example.org/x", "must hold no name and no password"),
        ("https://hooks.example.org:99999/x", "Port out of range"),
        ("https://hooks.example.org:0/x", "port 0"),
    ],
)
def test_a_receiver_of_events_has_a_url_that_errors_do_not_repeat(
    monkeypatch: pytest.MonkeyPatch, text: str, says: str
) -> None:
    monkeypatch.setenv("LOGLEAP_EVENTS_URL", text)
    with pytest.raises(SettingsError, match=f"^LOGLEAP_EVENTS_URL: .*{says}") as refused:
        load_settings()
    assert text not in str(refused.value)


def test_secrets_that_sign_events_are_those_of_standard_webhooks(monkeypatch: pytest.MonkeyPatch) -> None:
    new, old = bytes(range(24)), bytes(range(64))
    texts = [f"whsec_{base64.b64encode(secret).decode()}" for secret in (new, old)]
    monkeypatch.setenv("LOGLEAP_EVENTS_SECRET", ", ".join(texts))
    loaded = load_settings()
    assert loaded.events_secret == (new, old)
    assert str(new) not in repr(loaded)


@pytest.mark.parametrize(
    "text",
    [base64.b64encode(bytes(32)).decode(), "whsec_c2hvcnQ=", "whsec_" + "A" * 100, "whsec_?", "whsec_"],
)
def test_any_other_secret_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("LOGLEAP_EVENTS_SECRET", f"whsec_{base64.b64encode(bytes(32)).decode()},{text}")
    with pytest.raises(SettingsError, match=r"^LOGLEAP_EVENTS_SECRET: secret 2 is not whsec_") as refused:
        load_settings()
    assert text == "whsec_" or text not in str(refused.value)


@pytest.mark.parametrize(("name", "on"), [("EVENTS_URL", True), ("EVENTS_TOPIC", True), ("DATA_DIR", False)])
def test_events_are_on_once_they_have_a_receiver(
    monkeypatch: pytest.MonkeyPatch, name: str, on: bool
) -> None:
    monkeypatch.setenv(f"LOGLEAP_{name}", "https://x" if name == "EVENTS_URL" else "events")
    assert load_settings().events_on is on
