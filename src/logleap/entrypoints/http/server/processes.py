"""Several processes that do the same work, and the parent that watches over them. POSIX: it forks."""

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

log = logging.getLogger(__name__)

_LOOK = 0.2  # seconds between two looks at whether to stop
_PAUSE = 1.0  # seconds from the start of a process to the start of the one that replaces it

Work = Callable[[int, Callable[[], None]], None]
"""What a process does: called with its number (from 0), and with what it is to call once it is ready.

It ends when `stop`, of which each process has its own copy, is set; SIGTERM must do that.
"""


def can_fork() -> bool:
    """Whether this system has what is needed."""
    return "fork" in multiprocessing.get_all_start_methods()


def run_processes(number: int, work: Work, *, stop: threading.Event, ready: Callable[[], None]) -> int:
    """Run `work` in `number` processes until `stop` is set; the exit code.

    The first begins alone, so that what is wrong is said once. `ready` is called once all are. A process
    that a signal ends, by a crash or for lack of memory, is replaced, and so is one that was told to stop.
    One that ends with an error has said why, and another would fare no better: the others are stopped, and
    its exit code is the answer. Should the parent be killed, the others stop by themselves.

    The caller has no threads, no open database and no connection: none can be used on both sides of a fork.
    """
    crew = _Crew(work)
    try:
        crew.enlarge_to(1)
        announced = False
        while not stop.is_set():
            crew.wait_a_moment()
            if crew.ready == 1:
                crew.enlarge_to(number)
            if crew.ready >= number and not announced:
                announced = True
                ready()
            code = crew.replace_ended()
            if code is not None:
                return code
        return 0
    finally:
        crew.stop()


class _Crew:
    def __init__(self, work: Work) -> None:
        self.ready = 0  # how often a process has said that it is
        self._context = multiprocessing.get_context("fork")
        self._work = work
        self._ready_reader, self._ready_writer = self._context.Pipe(duplex=False)
        # Held open by the parent alone: for the others it ends when the parent does.
        self._lifeline = os.pipe()
        self._processes: list[BaseProcess] = []
        self._started: list[float] = []

    def enlarge_to(self, number: int) -> None:
        """Start what is missing to so many processes."""
        for place in range(len(self._processes), number):
            self._started.append(time.monotonic())
            self._processes.append(self._start(place))

    def wait_a_moment(self) -> None:
        """Until a process becomes ready or ends, or it is time to look whether to stop."""
        sentinels = [process.sentinel for process in self._processes if process.exitcode is None]
        wait([self._ready_reader, *sentinels], _LOOK)
        while self._ready_reader.poll():
            self._ready_reader.recv_bytes()
            self.ready += 1

    def replace_ended(self) -> int | None:
        """Start anew what has ended. The exit code of a process that ended with an error, if one did."""
        for place, process in enumerate(self._processes):
            code = process.exitcode
            if code is None:
                continue
            if code > 0:
                return code
            if time.monotonic() - self._started[place] >= _PAUSE:
                how = f"was ended by signal {-code}" if code else "was told to stop"
                log.error("process %d %s: another takes its place", process.pid, how)
                self._started[place] = time.monotonic()
                self._processes[place] = self._start(place)
        return None

    def stop(self) -> None:
        """Have all of them finish what they are at, and wait for it."""
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
        sys.stdout.flush()
        process.start()
        return process

    def _run(self, place: int) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent says when to stop
        alive, held = self._lifeline
        os.close(held)
        threading.Thread(target=_end_with_parent, args=(alive,), daemon=True).start()
        self._work(place, lambda: self._ready_writer.send_bytes(b"."))


def _end_with_parent(lifeline: int) -> None:
    os.read(lifeline, 1)  # nothing is ever written
    os.kill(os.getpid(), signal.SIGTERM)
