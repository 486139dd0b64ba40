"""Who LogLeap is to Google Cloud, and that a key stays a secret."""

import io
import json
import logging
import os
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.credentials import AnonymousCredentials
from google.oauth2 import service_account
from hypothesis import given
from hypothesis import strategies as st

from logleap.adapters.gcp.google import credentials
from logleap.adapters.gcp.google.credentials import CredentialsError, find_access

PATH = "GOOGLE_APPLICATION_CREDENTIALS"
PLAINTEXT = "GOOGLE_APPLICATION_CREDENTIALS_PLAINTEXT"
EMULATORS = ("BIGQUERY_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST")


@pytest.fixture(scope="session")
def key() -> dict[str, Any]:
    """A service account's key that opens nothing, in the shape in which Google hands them out."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "type": "service_account",
        "project_id": "project-of-the-key",
        "private_key_id": "4b1d5eede0a1c0ffee",
        "private_key": private.decode(),
        "client_email": "intake@project-of-the-key.iam.gserviceaccount.com",
        "client_id": "104110411041104110411",
        "token_uri": "https://oauth2.googleapis.com/token",
    }


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials anywhere, and no machine that could have some."""
    for name in (PATH, PLAINTEXT, *EMULATORS, "BIGQUERY_STORAGE_EMULATOR_HOST", "STORAGE_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    for name in ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "no-gcloud"))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("PATH", "")  # google-auth asks gcloud for a project
    monkeypatch.setattr(credentials, "_taken", None)
    monkeypatch.setattr(credentials, "_plaintext", None)


class Ears(logging.Handler):
    """Hears every log record of the process, at every level."""

    def __init__(self) -> None:
        super().__init__(level=0)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(repr(vars(record)) + record.getMessage())


@pytest.fixture
def ears() -> Iterator[Ears]:
    root = logging.getLogger()
    handler, level = Ears(), root.level
    root.addHandler(handler)
    root.setLevel(0)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


def pieces(text: str, length: int = 12) -> list[str]:
    """The text in pieces short enough that none of them gets about."""
    return [text[start : start + length] for start in range(0, len(text) - length + 1, length)]


def frames_of(trace: TracebackType | None) -> list[dict[str, Any]]:
    """The variables of all frames but this module's own: error reporters send them around."""
    frames = []
    while trace is not None:
        if trace.tb_frame.f_globals is not globals():
            frames.append(trace.tb_frame.f_locals)
        trace = trace.tb_next
    return frames


def all_about(error: BaseException | None) -> str:
    """All that can be read off an exception: texts, causes, attributes, the variables of its frames."""
    told = io.StringIO()
    while error is not None:
        told.write(f"{error} {error!r} {error.args!r} {vars(error)!r}\n")
        told.write("".join(traceback.format_exception(error)))
        told.write(repr(frames_of(error.__traceback__)))
        error = error.__cause__ or error.__context__
    return told.getvalue()


def break_json(key: dict[str, Any]) -> str:
    return json.dumps(key)[:-1]


def wrap_in_quotes(key: dict[str, Any]) -> str:
    return f"'{json.dumps(key)}'"


def take_the_address(key: dict[str, Any]) -> str:
    return json.dumps({name: value for name, value in key.items() if name != "client_email"})


def spoil_the_private_key(key: dict[str, Any]) -> str:
    return json.dumps(key | {"private_key": key["private_key"].replace("A", "!")})


def cut_the_private_key(key: dict[str, Any]) -> str:
    return json.dumps(key | {"private_key": key["private_key"][:400]})


def number_as_private_key(key: dict[str, Any]) -> str:
    return json.dumps(key | {"private_key": 4711, "client_id": key["private_key"]})


def other_type(key: dict[str, Any]) -> str:
    return json.dumps(key | {"type": key["private_key"]})


def in_an_array(key: dict[str, Any]) -> str:
    return json.dumps([key])


def the_private_key_alone(key: dict[str, Any]) -> str:
    return str(key["private_key"])


BROKEN = (
    break_json,
    wrap_in_quotes,
    take_the_address,
    spoil_the_private_key,
    cut_the_private_key,
    number_as_private_key,
    other_type,
    in_an_array,
    the_private_key_alone,
)


@pytest.mark.parametrize("spoil", BROKEN)
def test_a_broken_key_is_refused_in_one_line_that_holds_nothing_of_it(
    spoil: Callable[[dict[str, Any]], str],
    key: dict[str, Any],
    ears: Ears,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    value = spoil(key)
    monkeypatch.setenv(PLAINTEXT, value)
    with pytest.raises(CredentialsError) as refused:
        find_access()
    assert PLAINTEXT in str(refused.value)
    assert "\n" not in str(refused.value)
    told = all_about(refused.value) + "".join(ears.heard) + "".join(capfd.readouterr())
    secrets = [key["private_key"], json.dumps(key["private_key"])[1:-1], key["private_key_id"], value]
    assert [piece for secret in secrets for piece in pieces(secret) if piece in told] == []


@given(value=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_no_text_in_the_plaintext_variable_is_taken_or_repeated(value: str) -> None:
    secret = f"{value} MIIEvQIBADANBgkqhkiG9w0"
    os.environ[PLAINTEXT] = secret
    with pytest.raises(CredentialsError) as refused:
        find_access("project")
    assert "MIIEvQIBADANBgkqhkiG9w0" not in all_about(refused.value)
    assert PLAINTEXT not in os.environ


def test_a_key_in_the_plaintext_variable_is_used_and_nothing_tells_of_it(
    key: dict[str, Any],
    ears: Ears,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(PLAINTEXT, json.dumps(key))
    access = find_access()
    signed = access.credentials["pubsub"]
    assert isinstance(signed, service_account.Credentials)
    assert access.project == "project-of-the-key"
    assert access.identity == key["client_email"]
    assert access.emulated == frozenset()
    told = f"{access} {access!r} {signed!r} {signed}" + "".join(ears.heard) + "".join(capfd.readouterr())
    secrets = [key["private_key"], json.dumps(key["private_key"])[1:-1], key["private_key_id"]]
    assert [piece for secret in secrets for piece in pieces(secret) if piece in told] == []


def test_the_search_for_pieces_finds_a_key_where_one_is_told(key: dict[str, Any]) -> None:
    def tell(secret: str) -> None:
        raise ValueError(secret)

    with pytest.raises(ValueError, match="PRIVATE KEY") as told:
        tell(key["private_key"])
    assert all(piece in str(told.value.args[0]) for piece in pieces(key["private_key"]))
    assert any(piece in all_about(told.value) for piece in pieces(key["private_key"]))


def test_the_plaintext_variable_is_gone_from_the_environment_and_from_childrens(
    key: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PLAINTEXT, json.dumps(key))
    find_access()
    assert PLAINTEXT not in os.environ
    child = subprocess.run(
        [sys.executable, "-c", "import os; print(dict(os.environ))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "PLAINTEXT" not in child.stdout
    assert "PRIVATE KEY" not in child.stdout


def test_the_plaintext_key_is_never_on_disk(
    key: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened: list[str] = []

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and listening and arguments[1] not in (None, "r", "rb"):
            opened.append(str(arguments))

    listening = True
    sys.addaudithook(hear)
    monkeypatch.setenv(PLAINTEXT, json.dumps(key))
    find_access()
    listening = False
    assert opened == []


def test_a_second_call_still_has_the_plaintext_key(
    key: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PLAINTEXT, json.dumps(key))
    assert find_access().identity == find_access().identity == key["client_email"]


def test_the_plaintext_key_can_be_handed_over_to_a_process_that_opens_the_same_backend(
    key: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert credentials.handover() == {}
    monkeypatch.setenv(PLAINTEXT, json.dumps(key))
    find_access()
    assert credentials.handover() == {PLAINTEXT: json.dumps(key)}
    assert PLAINTEXT not in os.environ


def test_the_plaintext_key_wins_over_a_file(
    key: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = key | {"client_email": "other@elsewhere.iam.gserviceaccount.com"}
    (tmp_path / "key.json").write_text(json.dumps(other))
    monkeypatch.setenv(PATH, str(tmp_path / "key.json"))
    monkeypatch.setenv(PLAINTEXT, json.dumps(key))
    assert find_access().identity == key["client_email"]


def test_a_key_file_is_used(key: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text(json.dumps(key))
    monkeypatch.setenv(PATH, str(tmp_path / "key.json"))
    access = find_access()
    assert (access.project, access.identity) == ("project-of-the-key", key["client_email"])


def test_a_missing_key_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(PATH, str(tmp_path / "not-there.json"))
    with pytest.raises(CredentialsError, match=r"not-there\.json'.*no such file"):
        find_access()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"type": "who knows"}', '{"type": "service_account"}'])
def test_a_broken_key_file_is_named(content: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text(content)
    monkeypatch.setenv(PATH, str(tmp_path / "broken.json"))
    with pytest.raises(
        CredentialsError, match=r"broken\.json', which is not a usable credentials file"
    ) as refused:
        find_access()
    assert "\n" not in str(refused.value)


def as_hex(key: dict[str, Any]) -> str:
    return json.dumps(key).encode().hex()


@pytest.mark.parametrize(("put", "told"), [(json.dumps, PLAINTEXT), (as_hex, "too long for a path")])
def test_a_key_where_its_path_belongs_is_not_repeated(
    put: Callable[[dict[str, Any]], str],
    told: str,
    key: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    ears: Ears,
) -> None:
    monkeypatch.setenv(PATH, put(key))
    with pytest.raises(CredentialsError, match=told) as refused:
        find_access()
    heard = all_about(refused.value) + "".join(ears.heard)
    assert [piece for piece in pieces(put(key)) if piece in heard] == []


def test_without_any_credentials_the_error_says_how_to_get_some() -> None:
    with pytest.raises(CredentialsError, match="gcloud auth application-default login") as refused:
        find_access("project")
    assert "\n" not in str(refused.value)


def test_with_emulators_for_all_no_credentials_are_looked_up(
    key: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in EMULATORS:
        monkeypatch.setenv(name, "127.0.0.1:1")
    monkeypatch.setenv(PATH, "/no/such/file")
    monkeypatch.setenv(PLAINTEXT, break_json(key))
    access = find_access("emulated")
    assert all(isinstance(each, AnonymousCredentials) for each in access.credentials.values())
    assert access.emulated == {"bigquery", "firestore", "pubsub"}
    assert access.identity is None
    assert PLAINTEXT not in os.environ


def test_an_emulator_makes_its_own_service_anonymous_and_no_other(
    key: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    monkeypatch.setenv(PLAINTEXT, json.dumps(key))
    access = find_access()
    assert access.emulated == {"pubsub"}
    assert isinstance(access.credentials["bigquery"], service_account.Credentials)


@pytest.mark.parametrize("name", ["BIGQUERY_EMULATOR_HOST", "BIGQUERY_STORAGE_EMULATOR_HOST"])
def test_half_an_emulated_bigquery_never_gets_real_credentials(
    name: str, key: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "127.0.0.1:1")
    monkeypatch.setenv(PLAINTEXT, json.dumps(key))
    assert find_access().emulated == {"bigquery"}


@pytest.mark.parametrize(
    ("setting", "variable", "expected"),
    [
        ("set", "environment", "set"),
        (None, "environment", "environment"),
        (None, None, "project-of-the-key"),
    ],
)
def test_the_project_is_the_setting_else_the_variable_else_the_keys(
    setting: str | None,
    variable: str | None,
    expected: str,
    key: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if variable is not None:
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", variable)
    monkeypatch.setenv(PLAINTEXT, json.dumps(key))
    assert find_access(setting).project == expected


def test_a_project_that_nobody_names_is_asked_for(
    key: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PLAINTEXT, json.dumps({name: key[name] for name in key if name != "project_id"}))
    with pytest.raises(CredentialsError, match="LOGLEAP_GCP_PROJECT"):
        find_access()


def test_no_warning_of_googles_reaches_the_operator(
    key: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key.json").write_text(json.dumps(key))
    monkeypatch.setenv(PATH, str(tmp_path / "key.json"))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        find_access()
    assert warned == []
