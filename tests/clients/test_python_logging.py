"""logleap.handler, in this process and in programs of their own."""

import logging
import os
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from logleap.client.logging_handler import LogLeapHandler, _outbox

Logging = Callable[..., tuple[logging.Logger, LogLeapHandler]]


@pytest.fixture
def logging_to() -> Iterator[Logging]:
    """A logger of its own with a handler, which is closed in the end."""
    log = logging.getLogger("app")
    log.setLevel(logging.DEBUG)
    log.propagate = False
    handlers: list[LogLeapHandler] = []

    def attach(url: str, data_id: str, **options: Any) -> tuple[logging.Logger, LogLeapHandler]:
        handlers.append(LogLeapHandler(url, data_id, **{"exit_timeout": 20, **options}))
        log.addHandler(handlers[-1])
        return log, handlers[-1]

    yield attach
    for handler in handlers:
        log.removeHandler(handler)
        handler.close()


def test_what_is_logged_is_trained_on_with_all_there_is_to_tell(server: Any, logging_to: Logging) -> None:
    data_id = server.announce()
    log, handler = logging_to(server.url, data_id)
    before = time.time()
    log.warning("jam at gate %d", 4, extra={"gate": {"no": 4}, "self": handler})
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        log.exception("failed")
    handler.flush()
    jam, failed = server.trained(data_id)
    assert before - 1e-6 <= datetime.fromisoformat(jam.timestamp).timestamp() <= time.time()
    assert jam.message == "jam at gate 4"
    assert jam.context.pop("extra") == {"gate": {"no": 4}, "self": str(handler)}
    assert jam.context == {
        "logger": "app",
        "level": "WARNING",
        "file": __file__,
        "line": jam.context["line"],
        "function": "test_what_is_logged_is_trained_on_with_all_there_is_to_tell",
        "process": os.getpid(),
        "thread": "MainThread",
    }
    assert failed.message.startswith("failed\nTraceback ")
    assert failed.message.endswith("ZeroDivisionError: division by zero")
    assert failed.context["exception"] == "ZeroDivisionError"
    assert handler.sent == 2
    assert handler.dropped == {}


def test_the_example_of_the_page_sends_what_is_logged(server: Any, example: Any) -> None:
    data_id = server.announce()
    instead = {"http://localhost:8080": server.url, "7d8b0631-2c9e-419a-b895-103261ea9665": data_id}
    program = example("python-logging.md", "python", instead)
    subprocess.run([sys.executable, "-c", f"{program}\nlogging.warning('jam')"], check=True, timeout=60)
    assert [row.message for row in server.trained(data_id)] == ["jam"]


def _circle() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


def _deep() -> list[Any]:
    deep: list[Any] = []
    for _ in range(200):
        deep = [deep]
    return deep


@pytest.mark.parametrize(
    "value",
    [
        "\udc80",
        float("nan"),
        10**40,
        {1: 2, (3,): 4},
        b"\xff",
        _circle(),
        _deep(),
        {"a": "\ud800"},
        object,
        None,
    ],
    ids=lambda value: type(value).__name__,
)
def test_nothing_that_a_program_may_log_is_refused(server: Any, logging_to: Logging, value: Any) -> None:
    data_id = server.announce()
    log, handler = logging_to(server.url, data_id)
    log.info("%s", value, extra={"value": value, "\udc80": 1})
    handler.flush()
    assert (handler.sent, handler.dropped) == (1, {})
    [row] = server.trained(data_id)
    assert row.message.encode()
    assert set(row.context["extra"]) == {"value", "\\udc80"}


def test_many_threads_lose_nothing_while_the_server_is_killed_and_started_again(
    mortal_server: Any, logging_to: Logging
) -> None:
    server = mortal_server
    data_id = server.announce()
    log, handler = logging_to(server.url, data_id, batch_size=50, interval=0.05)

    def work(name: int) -> None:
        for number in range(500):
            log.info("%d-%d", name, number)
            time.sleep(0.002)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    server.end(signal.SIGKILL)
    time.sleep(0.2)
    server.start()
    for thread in threads:
        thread.join()
    handler.flush()
    assert (handler.sent, handler.dropped) == (2000, {})
    expected = {f"{name}-{number}" for name in range(4) for number in range(500)}
    rows = server.trained(data_id)
    assert len(rows) == 2000
    assert {row.message for row in rows} == expected


def test_a_lost_answer_counts_once(server: Any, proxy: Any, logging_to: Logging) -> None:
    data_id = server.announce()
    log, handler = logging_to(proxy.url, data_id)
    proxy.losing = 2
    log.info("once")
    handler.flush()
    assert len(proxy.seen) == 3
    assert [row.message for row in server.trained(data_id)] == ["once"]
    assert handler.sent == 1


def test_a_server_or_proxy_that_is_broken_for_a_moment_costs_nothing(
    server: Any, proxy: Any, logging_to: Logging
) -> None:
    data_id = server.announce()
    log, handler = logging_to(proxy.url, data_id)
    proxy.failing = [500, 408]
    log.info("once")
    handler.flush()
    assert proxy.failing == []
    assert [row.message for row in server.trained(data_id)] == ["once"]
    assert (handler.sent, handler.dropped) == (1, {})


def test_a_batch_that_the_server_always_fails_at_does_not_hold_up_the_next_for_ever(
    server: Any, proxy: Any, logging_to: Logging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_outbox, "_FAILURES", 3)
    data_id = server.announce()
    log, handler = logging_to(proxy.url, data_id)
    proxy.failing = [500] * 3
    log.info("lost")
    handler.flush()
    log.info("kept")
    handler.flush()
    assert [row.message for row in server.trained(data_id)] == ["kept"]
    assert handler.dropped == {"refused with 500": 1}


@pytest.mark.parametrize(
    "value", [float("inf"), [{"deep": float("nan")}], {"a": [1, float("-inf")], "b": None}]
)
def test_numbers_that_json_does_not_have_are_stored_as_text(
    server: Any, logging_to: Logging, value: Any
) -> None:
    data_id = server.announce()
    log, handler = logging_to(server.url, data_id)
    log.info("measured", extra={"value": value, "nothing": [None, 1.5]})
    handler.flush()
    [row] = server.trained(data_id)
    assert row.context["extra"] == {"value": repr(value), "nothing": [None, 1.5]}


def test_a_full_queue_drops_the_newest_at_once_and_tells_how_many(
    server: Any, logging_to: Logging, capsys: pytest.CaptureFixture[str]
) -> None:
    log, handler = logging_to("http://127.0.0.1:9", "nowhere", capacity=50_000, exit_timeout=0.2)
    began = time.monotonic()
    for number in range(1000):
        log.info("%d", number)
    assert time.monotonic() - began < 5
    kept = 1000 - handler.dropped["queue full"]
    assert 50 < kept < 500
    handler.close()
    assert handler.dropped == {"queue full": 1000 - kept, "not acknowledged before the end": kept}
    first, last = capsys.readouterr().err.splitlines()
    assert "dropped 1 log records so far (queue full: 1)" in first
    assert "dropped 1000 log records so far" in last


def test_what_can_never_be_stored_is_dropped_and_says_why(
    server: Any, logging_to: Logging, capsys: pytest.CaptureFixture[str]
) -> None:
    log, handler = logging_to(server.url, "unknown")
    log.info("")
    log.info("x" * (1 << 20))
    log.info("to nowhere")
    handler.flush()
    assert handler.dropped == {
        "empty message": 1,
        "larger than 1 MiB": 1,
        "refused with DATASET_NOT_FOUND": 1,
    }
    handler.close()
    log.info("too late")
    assert handler.dropped["logged after the handler was closed"] == 1
    assert "refused with DATASET_NOT_FOUND: 1" in capsys.readouterr().err


def test_an_url_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="localhost:8080"):
        LogLeapHandler("localhost:8080", "x")


PROGRAM = """
    import logging, logging.config, multiprocessing, os, sys, time
    logging.config.dictConfig({
        "version": 1,
        "handlers": {"logleap": {
            "class": "logleap.handler.LogLeapHandler", "url": sys.argv[1], "data_id": sys.argv[2],
            "interval": 60, "exit_timeout": float(sys.argv[3]),
        }},
        "root": {"level": "DEBUG", "handlers": ["logleap"]},
    })
    def work():
        logging.info("in a process of multiprocessing")
    if __name__ == "__main__":
        logging.info("before the fork")
        if len(sys.argv) > 4:
            if os.fork() == 0:
                logging.info("in the child")
                sys.exit()
            child = multiprocessing.get_context("fork").Process(target=work)
            child.start()
            child.join()
            os.wait()
        logging.info("at the end")
"""


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_program_that_ends_sends_what_it_logged_its_forked_children_theirs(server: Any) -> None:
    data_id = server.announce()
    done = _run(server.url, data_id, "20", "with children")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(row.message for row in server.trained(data_id)) == [
        "at the end",
        "before the fork",
        "in a process of multiprocessing",
        "in the child",
    ]


def test_the_sending_thread_makes_no_tls_context_for_a_fork_to_break_off(
    server: Any, logging_to: Logging, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A child forked meanwhile would wait for OpenSSL's lock for ever; that meets one fork in a few hundred.
    made_by: list[str] = []
    make: Callable[..., ssl.SSLContext] = ssl.SSLContext.__new__

    def made(*arguments: Any, **options: Any) -> ssl.SSLContext:
        made_by.append(threading.current_thread().name)
        return make(*arguments, **options)

    monkeypatch.setattr(ssl.SSLContext, "__new__", made)
    log, handler = logging_to(server.url, server.announce())
    log.info("sent")
    handler.flush()
    assert handler.sent == 1
    assert set(made_by) == {threading.current_thread().name}


def test_a_program_ends_in_time_when_nobody_answers(server: Any) -> None:
    with_nobody = "http://127.0.0.1:9"
    began = time.monotonic()
    done = _run(with_nobody, "x", "0.5")
    assert time.monotonic() - began < 10
    assert "not acknowledged before the end: 2" in done.stderr


def test_a_connection_that_hangs_holds_up_nobody(logging_to: Logging) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        log, handler = logging_to(
            f"http://127.0.0.1:{mute.getsockname()[1]}", "x", exit_timeout=0.3, interval=0
        )
        log.info("first")
        time.sleep(0.2)
        began = time.monotonic()
        log.info("second")
        assert time.monotonic() - began < 0.2
        handler.close()
        assert time.monotonic() - began < 5
        assert handler.dropped == {"not acknowledged before the end": 2}
