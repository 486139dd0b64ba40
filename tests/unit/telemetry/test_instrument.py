"""Hooks around the methods of a port."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest

from logleap.adapters.memory.queue import MemoryTrainingQueue
from logleap.telemetry.instrument import around


def recording(calls: list[str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def hook(method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def recorded(*args: Any, **kwargs: Any) -> Any:
            calls.append(method.__name__)
            return method(*args, **kwargs)

        return recorded

    return hook


def queue() -> MemoryTrainingQueue:
    return MemoryTrainingQueue(visibility_timeout=60)


def test_a_named_method_is_hooked_and_the_others_are_not() -> None:
    calls: list[str] = []
    hooked = around(queue(), {"publish": recording(calls)})
    hooked.publish(b"message")
    received = hooked.receive(0)
    assert received is not None
    assert received.body == b"message"
    assert calls == ["publish"]


def test_one_hook_goes_around_every_method_that_the_port_declares() -> None:
    calls: list[str] = []
    hooked = around(queue(), recording(calls))
    hooked.publish(b"message")
    hooked.receive(0)
    hooked.receive_dead(0)
    assert calls == ["publish", "receive", "receive_dead"]


def test_hooks_nest() -> None:
    calls: list[str] = []
    around(around(queue(), {"publish": recording(calls)}), recording(calls)).publish(b"message")
    assert calls == ["publish", "publish"]


@pytest.mark.parametrize("wrap", [queue, lambda: around(queue(), {})])
def test_a_name_that_the_port_does_not_declare_is_an_error(wrap: Callable[[], MemoryTrainingQueue]) -> None:
    with pytest.raises(TypeError, match="pubish"):
        around(wrap(), {"pubish": recording([])})
