"""Servers and workers as processes of their own, under a supervisor that starts whoever ended anew."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tools.faults.failpoints import Failpoint

OWNERS = ("anna", "bert", "cleo")
_ROOT = Path(__file__).parents[2]


def api_key(owner: str) -> str:
    """What an owner shows."""
    return f"{owner}.secret-of-{owner}"


def environment(backend: str, folder: Path, **more: str) -> Mapping[str, str]:
    """Settings under which what a killed process left behind is taken up soon, and no run is given up."""
    keys = ",".join(
        f"{owner}:{owner}:{hashlib.sha256(f'secret-of-{owner}'.encode()).hexdigest()}" for owner in OWNERS
    )
    return {
        "LOGLEAP_BACKEND": backend,
        "LOGLEAP_DATA_DIR": str(folder / "data"),
        "LOGLEAP_API_KEYS": keys,
        "LOGLEAP_TRAINING_TASK": "tools.faults.collecting_task:collect",
        "LOGLEAP_RUN_LEASE": "0.5",
        "LOGLEAP_RUN_PATIENCE": "2",
        "LOGLEAP_RUN_MAX_ATTEMPTS": "100",
        "LOGLEAP_SWEEP_INTERVAL": "0.1",
        "LOGLEAP_STOP_GRACE": "2",
        # A fork server for each of so many short lives would be most of the work.
        "LOGLEAP_TASK_ISOLATION": "thread",
        "LOGLEAP_LOG_LEVEL": "warning",
        **more,
    }


@dataclass
class Member:
    """A process that is to be there. `crash`: at which point, hit how often, its next life ends."""

    name: str
    arguments: Sequence[str]
    port: int | None = None
    pid: int = 0
    crash: tuple[Failpoint, int] | None = None
    beginnings: int = 0
    ends: list[int] = field(default_factory=list)


class Cluster:
    """`apis` servers and `workers` workers. Whoever ends is started anew, until `stop`."""

    def __init__(
        self,
        settings: Mapping[str, str],
        folder: Path,
        *,
        apis: int = 1,
        workers: int = 1,
        mutation: str | None = None,
        log: Path | None = None,
        clock: Path | None = None,
    ) -> None:
        """With `mutation` (a name of mutations.py's) the promise must be found broken.

        `log`: what all of them write their log to, else a file in `folder`. `clock`: the file of the
        SettableClock that they follow, else they have the machine's.
        """
        self._settings = dict(settings)
        self._mutation = mutation
        self._log = log or folder / "log"
        self._clock = clock
        self._changed = threading.Condition()
        self._starting: deque[Member] = deque()
        self._alive: dict[int, Member] = {}
        self._stopping = False
        self.members: dict[str, Member] = {}
        for number in range(apis):
            port = free_port()
            arguments = ["serve", "--host", "127.0.0.1", "--port", str(port), "--no-worker"]
            self.members[f"api-{number}"] = Member(f"api-{number}", arguments, port)
        for number in range(workers):
            self.members[f"worker-{number}"] = Member(f"worker-{number}", ["worker"])

    @property
    def urls(self) -> Sequence[str]:
        """Of the servers."""
        return [f"http://127.0.0.1:{one.port}" for one in self.members.values() if one.port is not None]

    @property
    def kills(self) -> int:
        """How many processes ended by SIGKILL so far."""
        return sum(code == -signal.SIGKILL for one in self.members.values() for code in one.ends)

    @property
    def ended_by_themselves(self) -> int:
        """How many processes ended otherwise, which none should (they are started anew, too)."""
        return sum(code != -signal.SIGKILL for one in self.members.values() for code in one.ends)

    def __enter__(self) -> Self:
        self._fork_server = subprocess.Popen(
            [sys.executable, "-m", "tools.faults.fork_server", self._settings["LOGLEAP_BACKEND"]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={
                # They are killed before they could say which lines they ran: measuring that is for nothing.
                **{
                    name: value
                    for name, value in os.environ.items()
                    if not name.startswith(("LOGLEAP_", "COVERAGE_"))
                },
                "PYTHONPATH": str(_ROOT),  # where the commands find the task
            },
            start_new_session=True,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        for member in self.members.values():
            self._start(member)
        for name in self.members:
            self.wait_until_up(name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._stopping = True
        assert self._fork_server.stdin is not None
        assert self._fork_server.stdout is not None
        self._fork_server.stdin.close()  # it kills the rest
        self._fork_server.wait(timeout=30)
        self._listener.join(timeout=10)
        self._fork_server.stdout.close()

    def log(self) -> str:
        """The end of what all of them logged."""
        return self._log.read_text(errors="replace")[-4000:] if self._log.is_file() else ""

    def kill(self, name: str) -> None:
        """SIGKILL; the supervisor starts it anew."""
        self._signal(name, signal.SIGKILL)

    def terminate(self, name: str) -> None:
        """SIGTERM: it is to stop; the supervisor starts it anew."""
        self._signal(name, signal.SIGTERM)

    def pause(self, name: str) -> None:
        """SIGSTOP: it stands still, and does not know it."""
        self._signal(name, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """SIGCONT."""
        self._signal(name, signal.SIGCONT)

    def crash_at(self, name: str, point: Failpoint, call: int = 1) -> None:
        """Start a member anew, as one that kills itself where `point` is hit for the `call`-th time."""
        member = self.members[name]
        with self._changed:
            member.crash = (point, call)
            before = member.beginnings
            self._signal(name, signal.SIGKILL)
            if not self._changed.wait_for(lambda: member.beginnings > before and member.pid > 0, 30):
                raise TimeoutError(f"{name} was not started anew")
        self.wait_until_up(name)

    def wait_until_up(self, name: str, seconds: float = 30) -> None:
        """Until a member is there, and takes connections if it is a server."""
        member = self.members[name]
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if member.pid and (member.port is None or _listens(member.port)):
                return
            time.sleep(0.005)
        raise TimeoutError(f"{name} did not come up: {self.log()}")

    def wait_for_end(self, name: str, ends: int, seconds: float = 30) -> None:
        """Until a member has ended `ends` times."""
        member = self.members[name]
        with self._changed:
            if not self._changed.wait_for(lambda: len(member.ends) >= ends, seconds):
                raise TimeoutError(f"{name} did not end {ends} times: {member.ends}")

    def _signal(self, name: str, number: int) -> None:
        with self._changed:
            pid = self.members[name].pid
            if pid:
                self._send({"signal": [pid, number]})

    def _send(self, order: Mapping[str, Any]) -> None:
        assert self._fork_server.stdin is not None
        self._fork_server.stdin.write(json.dumps(order).encode() + b"\n")
        self._fork_server.stdin.flush()

    def _start(self, member: Member) -> None:
        order: dict[str, Any] = {
            "arguments": list(member.arguments),
            "environment": self._settings,
            "log": str(self._log),
            "mutation": self._mutation,
            "clock": None if self._clock is None else str(self._clock),
        }
        with self._changed:
            if self._stopping:
                return
            if member.crash is not None:
                (call, moment), number = member.crash
                order["crash"] = [call, moment, number]
                member.crash = None
            self._starting.append(member)
            self._send(order)

    def _listen(self) -> None:
        assert self._fork_server.stdout is not None
        for line in self._fork_server.stdout:
            answer = json.loads(line)
            with self._changed:
                if "started" in answer:
                    member = self._starting.popleft()
                    member.pid = answer["started"]
                    member.beginnings += 1
                    self._alive[member.pid] = member
                else:
                    member = self._alive.pop(answer["ended"])
                    member.pid = 0
                    member.ends.append(answer["code"])
                    self._start(member)
                self._changed.notify_all()


def free_port() -> int:
    """One that nothing listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
