"""A process that has imported `logleap` and forks real `logleap` commands off, many a second.

Its argument is the backend of these commands. It takes one JSON object per line: `arguments` of the command,
its `environment`, a `log` file, and, if the process is to kill itself at a named point, `crash`:
[port.method, before or after, for the how-many-th time], or, if it is to be broken on purpose, `mutation`: in
which way (see mutations.py), or, if its clock is to be set, `clock`: the file of a SettableClock.
It answers {"started": pid} to each, and {"ended": pid, "code": N} (-9: killed) whenever one has ended. And it
takes `signal`: [pid, number], for those of its own alone: no other knows for sure that a process id is still
theirs. At the end of its input it kills what is left and ends.
"""

import atexit
import importlib
import json
import os
import pkgutil
import select
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import logleap.backends
from logleap.settings import Settings
from tools.faults.failpoints import AtFailpoint, Failpoint, Hook, with_failpoints

# Of this process: set after the fork, before the command begins.
_HOOKS: list[Hook] = []
_MUTATIONS: list[str] = []

_open_backend = logleap.backends.open_backend


def _open_with_failpoints(settings: Settings, **options: Any) -> logleap.backends.Backend:
    backend = _open_backend(settings, **options)
    for name in _MUTATIONS:
        backend = MUTATIONS[name](backend)
    for hook in _HOOKS:
        backend = with_failpoints(backend, hook)
    return backend


# Before anything imports it from there.
logleap.backends.open_backend = _open_with_failpoints

# With all that a command uses, so that the forked processes are there at once.
import logleap.container  # noqa: E402
import logleap.entrypoints.cli.operating.service  # noqa: E402
import logleap.entrypoints.http.app  # noqa: E402
import logleap.entrypoints.http.server.server  # noqa: E402
import logleap.entrypoints.worker.worker  # noqa: E402
from logleap.entrypoints.cli import main  # noqa: E402
from tools.faults.mutations import MUTATIONS  # noqa: E402
from tools.faults.settable_clock import follow  # noqa: E402


def _import_adapters(backend: str) -> None:
    """The same for what a backend uses."""
    package = importlib.import_module(f"logleap.adapters.{backend}")
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)


def _command(order: Mapping[str, Any]) -> None:
    """Become the command. Does not return."""
    code = 70
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ.update(order["environment"])
        if order.get("crash"):
            call, moment, number = order["crash"]
            _HOOKS.append(AtFailpoint(Failpoint(call, moment), number, _die))
        if order.get("mutation"):
            _MUTATIONS.append(order["mutation"])
        if order.get("clock"):
            follow(Path(order["clock"]))
        main(args=order["arguments"], prog_name="logleap")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:  # noqa: BLE001 -- shown, then the end
        import traceback

        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        os._exit(code)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _main() -> None:
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the harness's affair
    children: set[int] = set()
    try:
        _serve(woken, children)
    except BrokenPipeError:
        pass  # whoever gave the orders is gone
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _serve(woken: int, children: set[int]) -> None:
    """Until the end of the input."""
    pending = b""
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _reap(children)
        if 0 in ready:
            read = os.read(0, 1 << 16)
            if not read:
                return
            *lines, pending = (pending + read).split(b"\n")
            for line in lines:
                _obey(json.loads(line), children)


def _obey(order: Mapping[str, Any], children: set[int]) -> None:
    if "signal" in order:
        pid, number = order["signal"]
        if pid in children:
            os.kill(pid, number)
        return
    pid = os.fork()
    if pid == 0:
        _command(order)
    children.add(pid)
    _say({"started": pid})


def _reap(children: set[int]) -> None:
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        children.discard(pid)
        _say({"ended": pid, "code": os.waitstatus_to_exitcode(status)})


def _say(answer: Mapping[str, int]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _import_adapters(sys.argv[1])
    _main()
