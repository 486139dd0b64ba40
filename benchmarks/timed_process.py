"""A competitor in a process of its own that measures itself."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def timed_process(command: Sequence[str]) -> Iterator[Callable[[], float]]:
    """How long it takes, each time this is called: it answers a line by one that begins with seconds."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked, told = process.stdin, process.stdout

        def measure() -> float:
            asked.write("\n")
            asked.flush()
            return float(told.readline().split()[0])

        yield measure
        asked.close()
