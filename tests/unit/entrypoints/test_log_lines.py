"""The queue between who logs and what the log is written to."""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from logleap.entrypoints import log_lines
from logleap.entrypoints.log_lines import QUEUE_FULL, WRITE_FAILED, LineWriter


class Raw:
    """A file that takes so many bytes, and a few of them at a time."""

    def __init__(self, room: int = 1 << 30, at_once: int = 1 << 30) -> None:
        self.room = room
        self.at_once = at_once
        self.content = b""
        self.pauses = 0
        self.open = threading.Event()
        self.open.set()

    def write(self, data: memoryview) -> int | None:
        self.open.wait()
        if self.pauses:
            self.pauses -= 1
            return None
        if not self.room:
            raise OSError(28, "No space left on device")
        done = min(len(data), self.at_once, self.room)
        self.content += data[:done]
        self.room -= done
        return done


class Stream:
    def __init__(self, raw: Any) -> None:
        self.buffer = self
        self.raw = raw


@pytest.fixture
def raw() -> Iterator[Raw]:
    file = Raw()
    yield file
    file.open.set()


def counting(writer: LineWriter) -> Counter[str]:
    counts: Counter[str] = Counter()
    writer.count_drops(lambda reason, lines: counts.update({reason: lines}))
    return counts


def test_lines_of_many_threads_are_whole_and_in_the_order_of_each(raw: Raw) -> None:
    raw.at_once = 7
    writer = LineWriter(Stream(raw))

    def work(name: str) -> None:
        for number in range(200):
            writer.write(f"{name} {number}\n".encode())

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.drain(20)
    lines = raw.content.decode().splitlines()
    for name in "abc":
        assert [line for line in lines if line.startswith(name)] == [f"{name} {n}" for n in range(200)]


def test_who_logs_does_not_wait_for_a_file_that_does(raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "QUEUE_BYTES", 100)
    raw.open.clear()
    writer = LineWriter(Stream(raw))
    counts = counting(writer)
    writer.write(b"first\n")
    while writer._size:
        time.sleep(0.001)  # until the thread has taken it
    for _ in range(30):
        writer.write(b"123456789\n")
    assert not writer.drain(0.05)
    assert counts == {QUEUE_FULL: 20}
    raw.open.set()
    assert writer.drain(20)
    assert raw.content == b"first\n" + 10 * b"123456789\n"


def test_a_line_that_was_cut_off_is_counted_and_the_next_begins_anew(raw: Raw) -> None:
    raw.room = 12
    writer = LineWriter(Stream(raw))
    counts = counting(writer)
    for _ in range(3):
        writer.write(b"123456789\n")
    assert writer.drain(20)
    assert counts == {WRITE_FAILED: 2}
    raw.room = 1000
    writer.write(b"again\n")
    assert writer.drain(20)
    assert raw.content == b"123456789\n12\nagain\n"


def test_a_file_that_is_not_ready_is_tried_again(raw: Raw) -> None:
    raw.pauses = 2
    writer = LineWriter(Stream(raw))
    writer.write(b"line\n")
    assert writer.drain(20)
    assert raw.content == b"line\n"


@pytest.mark.parametrize("queued", [True, False])
def test_what_was_dropped_before_anybody_counts_is_counted_too(queued: bool) -> None:
    writer = LineWriter(None, queued=queued)
    for _ in range(3):
        writer.write(b"line\n")
    assert writer.drain(20)
    assert counting(writer) == {WRITE_FAILED: 3}


def test_it_is_said_how_many_lines_were_dropped_once_lines_can_be_written_again(
    raw: Raw, caplog: pytest.LogCaptureFixture
) -> None:
    raw.room = 0
    writer = LineWriter(Stream(raw))
    writer.write(b"lost\n")
    assert writer.drain(20)
    raw.room = 1000
    writer.write(b"line\n")
    assert writer.drain(20)
    assert "1 log lines could not be written" in caplog.text


def test_without_a_queue_lines_are_written_at_once(raw: Raw) -> None:
    writer = LineWriter(Stream(raw), queued=False)
    writer.write(b"line\n")
    assert raw.content == b"line\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_child_writes_its_own_lines_and_not_those_of_its_parent() -> None:
    reader, descriptor = os.pipe()
    blocked = Raw()
    blocked.open.clear()
    writer = LineWriter(Stream(blocked))
    writer.write(b"parent's\n")
    child = os.fork()
    if child == 0:
        blocked.open.set()
        writer._file = os.fdopen(descriptor, "wb", buffering=0)
        writer.write(b"child's\n")
        os._exit(0 if writer.drain(20) else 1)
    assert os.waitpid(child, 0)[1] == 0
    os.close(descriptor)
    with os.fdopen(reader, "rb") as file:
        assert file.read() == b"child's\n"
    blocked.open.set()
    assert writer.drain(20)
    assert blocked.content == b"parent's\n"


_ENDS = """
import sys
from logleap.entrypoints.log_lines import log_writer

writer = log_writer()

class Last:
    def __del__(self, write=writer.write):
        write(b"the last line\\n")

last = Last()
last.itself = last  # collected when the interpreter ends, after all threads
if len(sys.argv) > 1:
    writer.write(b"the first line\\n")
"""


@pytest.mark.parametrize("before", [[], ["the first line"]])
def test_what_is_logged_while_the_interpreter_ends_is_written_and_holds_up_nothing(before: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _ENDS, *before], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stderr.splitlines() == [*before, "the last line"]
