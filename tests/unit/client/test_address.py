"""A URL or a key of which no request can be made is refused before any attempt."""

from collections.abc import Callable

import pytest
from click.testing import CliRunner

from logleap.client import BadAddress, Client
from logleap.entrypoints.cli import main
from logleap.handler import LogLeapHandler

_SECRET = "c2VjcmV0"


def _client(url: str, key: str | None = None) -> object:
    return Client(url, api_key=key)


def _handler(url: str, key: str | None = None) -> object:
    return LogLeapHandler(url, "d", api_key=key)


@pytest.mark.parametrize("made", [_client, _handler])
@pytest.mark.parametrize("url", ["localhost:8080", "127.0.0.1:8080", "ftp://host", "http://", "http://x:y"])
def test_a_url_without_scheme_or_host_is_refused_at_once(made: Callable[..., object], url: str) -> None:
    with pytest.raises(BadAddress, match=r"http://127\.0\.0\.1:8080"):
        made(url)


@pytest.mark.parametrize("made", [_client, _handler])
@pytest.mark.parametrize("more", ["\n", "\r", "\0", "\x7f", "ä"])
def test_a_key_with_characters_that_no_header_has_is_refused_and_not_shown(
    made: Callable[..., object], more: str
) -> None:
    with pytest.raises(BadAddress, match="The API key contains") as refused:
        made("http://127.0.0.1:8080", f"a.{_SECRET}{more}")
    assert _SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "wrong", [["--url", "localhost:8080"], ["--api-key", f"a.{_SECRET}\n"]], ids=["url", "key"]
)
def test_a_command_with_such_an_address_ends_with_2_and_retries_nothing(wrong: list[str]) -> None:
    done = CliRunner().invoke(main, ["status", *wrong, "--patience", "0"])
    assert done.exit_code == 2
    assert _SECRET not in done.output
