"""The receiver of `examples/receive_events`."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from logleap.adapters.webhook.deliverer import WebhookDeliverer
from logleap.adapters.webhook.signature import signed_headers
from logleap.domain.events import OutgoingEvent
from logleap.ports.events import NotDelivered

PROGRAM = Path(__file__).parents[3] / "examples" / "receive_events" / "receiver.py"
SECRET = bytes(range(32))
EVENT = OutgoingEvent("e1", "d1", "anna", "announced", datetime(2026, 8, 1, 12, tzinfo=UTC), {})


@pytest.fixture(scope="module")
def receiver() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    with subprocess.Popen(
        [sys.executable, PROGRAM, "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "SECRET": f"whsec_{base64.b64encode(SECRET).decode()}"},
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1], process
        process.terminate()


def test_what_comes_again_is_printed_once(receiver: tuple[str, subprocess.Popen[str]]) -> None:
    url, process = receiver
    other = bytes(32)
    with closing(WebhookDeliverer(url, [other, SECRET], source="/", timeout=20)) as sending:
        for event_id in ("e1", "e1", "e2"):
            sending.deliver(OutgoingEvent(event_id, "d1", "anna", "announced", EVENT.at))
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(2)]
    assert lines == ["2026-08-01T12:00:00Z logleap.announced d1\n"] * 2


def test_what_is_not_signed_is_refused(receiver: tuple[str, subprocess.Popen[str]]) -> None:
    url, _ = receiver
    with (
        closing(WebhookDeliverer(url, [bytes(32)], source="/", timeout=20)) as sending,
        pytest.raises(NotDelivered, match="401"),
    ):
        sending.deliver(EVENT)


@pytest.mark.parametrize("timestamp", [1, 2**40])
def test_what_is_old_or_of_the_future_is_refused(
    receiver: tuple[str, subprocess.Popen[str]], timestamp: int
) -> None:
    body = json.dumps({"id": "e9"}).encode()
    headers = signed_headers("e9", timestamp, body, [SECRET])
    assert httpx2.post(receiver[0], content=body, headers=headers, trust_env=False).status_code == 401
