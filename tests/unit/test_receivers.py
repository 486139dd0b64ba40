"""Who gets the events, and what a server says that is told so in a way it cannot follow."""

import logging
from dataclasses import replace
from typing import Any

import pytest

from logleap.backends import open_backend, open_receiver
from logleap.container import build_container
from logleap.settings import Settings, SettingsError

SECRET = (bytes(32),)
URL = "https://hooks.example.org/logleap"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"events_url": URL}, "LOGLEAP_EVENTS_SECRET is not, which signs the events: make one"),
        ({"events_url": URL, "events_topic": "events", "events_secret": SECRET}, "both set: choose one"),
        ({"events_topic": "events"}, "backend 'memory' has no topics: set LOGLEAP_EVENTS_URL"),
        ({"events_url": "http://10.0.0.999/", "events_secret": SECRET}, "^LOGLEAP_EVENTS_URL: "),
    ],
)
def test_what_cannot_be_followed_stops_the_start(given: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        build_container(Settings(backend="memory", **given))


def test_a_backend_that_stores_no_events_cannot_have_them_on() -> None:
    settings = Settings(backend="memory", events_url=URL, events_secret=SECRET)
    without = replace(open_backend(settings), events=None)
    with pytest.raises(SettingsError, match="LOGLEAP_EVENTS_URL is set, but the backend 'memory' stores no"):
        open_receiver(settings, without)


def test_without_a_receiver_there_is_nothing_to_deliver() -> None:
    container = build_container(Settings(backend="memory"))
    assert container.deliver_events() is None


@pytest.mark.parametrize(
    ("url", "warned"),
    [(URL, False), ("http://127.0.0.1:9/", False), ("http://hooks.example.org/", True)],
)
def test_http_to_another_machine_is_warned_of(
    url: str, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        build_container(Settings(backend="memory", events_url=url, events_secret=SECRET))
    assert ("anybody on the way can read" in caplog.text) is warned
