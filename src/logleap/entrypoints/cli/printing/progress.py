"""How far a push is: a bar while a person watches, a line now and then when the output is piped."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, BinaryIO

import click

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from logleap.client.push import Push

import io

from logleap.entrypoints.cli.printing.counts import counted

_SECONDS_BETWEEN_LINES = 5.0


class Counted(io.RawIOBase):
    """A stream that counts what is read of it. Closing it leaves the stream open."""

    def __init__(self, stream: BinaryIO, counter: "Counter") -> None:
        self._stream = stream
        self._counter = counter

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes."""
        data = self._stream.read(size)
        self._counter.read += len(data)
        return data

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """For io's own readers."""
        view = memoryview(buffer)
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)


class Counter:
    """The bytes that all files have, None if that isn't known, and how many of them have been read."""

    def __init__(self, size: int | None) -> None:
        self.size = size
        self.read = 0


@contextlib.contextmanager
def progress(push: "Push", counter: Counter, label: str, *, quiet: bool) -> Iterator[Callable[[], None]]:
    """A function to call now and then; it shows how far the push is."""
    if quiet:
        yield lambda: None
    elif sys.stderr.isatty():
        with _bar(push, counter, label) as show:
            yield show
    else:
        yield _lines(push, counter, label)


class _Pace:
    def __init__(self, push: "Push", counter: Counter) -> None:
        self._push = push
        self._counter = counter
        self._began = time.monotonic()

    def said(self) -> str:
        """Lines, entries, speed and the time left."""
        seconds = max(time.monotonic() - self._began, 0.001)
        read, size = self._counter.read, self._counter.size
        lines = sum(report.lines for report in self._push.reports)
        speed = read / seconds / 1e6
        stored = counted(self._push.stored.entries, "entry")
        text = f"{counted(lines, 'line')} read, {stored} stored, {speed:.1f} MB/s"
        if size and read:
            text += f", {_duration(seconds * max(size - read, 0) / read)} left"
        return text


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _lines(push: "Push", counter: Counter, label: str) -> Callable[[], None]:
    pace = _Pace(push, counter)
    told = time.monotonic()

    def show() -> None:
        nonlocal told
        if time.monotonic() - told >= _SECONDS_BETWEEN_LINES:
            told = time.monotonic()
            click.echo(f"{label}: {pace.said()}", err=True)

    return show


@contextlib.contextmanager
def _bar(push: "Push", counter: Counter, label: str) -> Iterator[Callable[[], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    pace = _Pace(push, counter)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(label, total=counter.size, said="")
        yield lambda: shown.update(task, completed=counter.read if counter.size else None, said=pace.said())
