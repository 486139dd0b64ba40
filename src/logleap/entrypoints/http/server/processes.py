"""Several processes that do the same work, and the parent that supervises them. POSIX: it forks."""

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2
"""Between two checks of whether to stop."""

MIN_LIFE_SECONDS = 1.0
"""A process is replaced this long after its own start at the earliest."""

Work = Callable[[int, Callable[[], None]], None]
"""What a process does: called with its number (from 0), and with what it is to call once it is ready.

It ends when `stop`, of which each process has its own copy, is set; SIGTERM must do that.
"""


def can_fork() -> bool:
    """Whether this system has what is needed."""
    return "fork" in multiprocessing.get_all_start_methods()


def run_processes(number: int, work: Work, *, stop: threading.Event, ready: Callable[[], None]) -> int:
    """Run `work` in `number` processes until `stop` is set; the exit code.

    The first starts alone, so that an error is reported once. `ready` is called once all are. From then on a
    process that ends, however it does, is logged and replaced. One that fails before, or whose replacement
    fails while no other is ready, has reported why: the others are stopped, and its exit code is the answer.
    Should the parent be killed, the others stop by themselves.

    The caller has no threads but the log's, no open database and no connection: none can be used on both
    sides of a fork.
    """
    pool = WorkerPool(work)
    try:
        pool.scale_to(1)
        announced = False
        while not stop.is_set():
            pool.wait()
            if pool.ready:
                pool.scale_to(number)
            if pool.ready >= number and not announced:
                announced = True
                ready()
            code = pool.replace_ended(may_fail=announced)
            if code is not None:
                return code
        return 0
    finally:
        pool.stop()


class WorkerPool:
    """The processes, each in a place of its own that a replacement takes over."""

    def __init__(self, work: Work) -> None:
        self._context = multiprocessing.get_context("fork")
        self._work = work
        self._ready_reader, self._ready_writer = self._context.Pipe(duplex=False)
        # Held open by the parent alone: for the others it ends when the parent does.
        self._lifeline = os.pipe()
        self._processes: list[BaseProcess] = []
        self._started: list[float] = []
        self._has_been_ready: set[int] = set()  # the places of those that have reported to be

    @property
    def ready(self) -> int:
        """How many processes have reported to be ready, and have not ended."""
        return sum(self._processes[place].exitcode is None for place in self._has_been_ready)

    def scale_to(self, number: int) -> None:
        """Start processes until there are `number`."""
        for place in range(len(self._processes), number):
            self._started.append(time.monotonic())
            self._processes.append(self._start(place))

    def wait(self) -> None:
        """Until a process becomes ready or ends, for POLL_SECONDS at most."""
        sentinels = [process.sentinel for process in self._processes if process.exitcode is None]
        wait([self._ready_reader, *sentinels], POLL_SECONDS)
        while self._ready_reader.poll():
            place, pid = map(int, self._ready_reader.recv_bytes().split())
            if self._processes[place].pid == pid:
                self._has_been_ready.add(place)

    def replace_ended(self, *, may_fail: bool) -> int | None:
        """Replace the processes that have ended.

        The exit code of one that could not even start, unless it `may_fail` since others are ready.
        """
        for place, process in enumerate(self._processes):
            code = process.exitcode
            if code is None:
                continue
            if code > 0 and not (may_fail and (place in self._has_been_ready or self.ready)):
                return code
            if time.monotonic() - self._started[place] >= MIN_LIFE_SECONDS:
                cause = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
                log.error("process %d %s: starting another in its place", process.pid, cause)
                self._started[place] = time.monotonic()
                self._has_been_ready.discard(place)
                self._processes[place] = self._start(place)
        return None

    def stop(self) -> None:
        """Have all of them finish their requests, and wait for them."""
        for process in self._processes:
            process.terminate()
        try:
            for process in self._processes:
                process.join()
        except KeyboardInterrupt:  # the second Ctrl-C does not wait
            for process in self._processes:
                process.kill()
            raise
        finally:
            for end in self._lifeline:
                os.close(end)
            self._ready_reader.close()
            self._ready_writer.close()

    def _start(self, place: int) -> BaseProcess:
        process = self._context.Process(target=self._run, args=(place,), name=f"process {place}")
        process.start()
        return process

    def _run(self, place: int) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent says when to stop
        alive, held = self._lifeline
        os.close(held)
        threading.Thread(target=_end_with_parent, args=(alive,), daemon=True).start()
        self._work(place, lambda: self._ready_writer.send_bytes(b"%d %d" % (place, os.getpid())))


def _end_with_parent(lifeline: int) -> None:
    os.read(lifeline, 1)  # nothing is ever written
    os.kill(os.getpid(), signal.SIGTERM)
