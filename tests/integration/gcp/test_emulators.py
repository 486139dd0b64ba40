"""The emulators that the tests run against."""

import socket
from collections.abc import Iterator

import pytest

from tools.emulators import NAMES, Emulators, emulators


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody has."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.mark.usefixtures("emulators")  # skips where they are missing
@pytest.mark.parametrize("name", NAMES)
def test_an_emulator_whose_port_is_taken_meanwhile_is_started_on_another(
    name: str, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (free,) = emulators._free_ports(1)
    drawn = iter([[(taken, taken)], [free]])
    monkeypatch.setattr(emulators, "_free_ports", lambda pairs: next(drawn))
    with Emulators([name]) as started:
        started.check_answers()
        assert any(f":{free[0]}" in value for value in started.exports().values())
