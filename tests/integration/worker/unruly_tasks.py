"""A training task that does what its parameter `does` says. Imported in the tasks' own processes."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from logleap.ports.task import TrainingContext, TryAgain

if "UNRULY_TASKS_BROKEN" in os.environ and multiprocessing.parent_process() is not None:
    raise RuntimeError("the module is broken")

LONG = 60.0


def run(context: TrainingContext) -> Any:
    """The task."""
    folder = Path(context.parameters.get("folder", "/nowhere"))
    if folder.is_dir():
        (folder / f"{context.dataset_id}.pid").write_text(str(os.getpid()))
    return _DOES[context.parameters.get("does", "count")](context, folder)


def _count(context: TrainingContext, folder: Path) -> Any:
    messages = sorted(row.entry.message for row in context.training_set.rows())
    return {"pid": os.getpid(), "entries": context.training_set.count(), "messages": messages}


def _save(context: TrainingContext, folder: Path) -> Any:
    messages = (message for entries in context.training_set.columns() for message in entries.messages)
    context.artifacts.save("messages.txt", "text/plain", (f"{message}\n".encode() for message in messages))
    context.artifacts.save("labels.json", "application/json", b"[1, 2]", compress=True)
    return {}


def _exit_while_saving(context: TrainingContext, folder: Path) -> Any:
    def chunks() -> Iterator[bytes]:
        yield b"x" * 1_000_000
        os._exit(3)

    context.artifacts.save("whole.txt", "text/plain", b"whole")
    context.artifacts.save("model.bin", "application/octet-stream", chunks())


def _exit(context: TrainingContext, folder: Path) -> Any:
    os._exit(context.parameters.get("code", 3))


def _be_killed(context: TrainingContext, folder: Path) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def _sleep(context: TrainingContext, folder: Path) -> Any:
    """Without an end, with a process of its own beside it."""
    child = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({LONG})"])
    (folder / f"{context.dataset_id}.child").write_text(str(child.pid))
    time.sleep(LONG)


def _give_way(context: TrainingContext, folder: Path) -> Any:
    while not context.stopping():
        time.sleep(0.01)
    (folder / f"{context.dataset_id}.gave-way").touch()
    raise TryAgain("told to stop")


def _environment(context: TrainingContext, folder: Path) -> Any:
    names = ("GIVEN", "PYTHONSAFEPATH")
    return {**{name: os.environ.get(name) for name in names}, "main thread": _in_main_thread()}


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _meet(context: TrainingContext, folder: Path) -> Any:
    """Ends once as many tasks are at work as the parameter `number` says."""
    deadline = time.monotonic() + LONG
    while len(list(folder.glob("*.pid"))) < context.parameters["number"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return {"met": context.parameters["number"]}


def _use_a_pool(context: TrainingContext, folder: Path) -> Any:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return {"squares": pool.map(_square, [1, 2, 3])}


def _square(number: int) -> int:
    return number * number


def _end_children(context: TrainingContext, folder: Path) -> Any:
    """Each as soon as it has been forked off."""
    ended = 0
    for _ in range(300):
        child = os.fork()
        if child == 0:
            time.sleep(LONG)
            os._exit(1)
        os.kill(child, signal.SIGTERM)
        ended += os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGTERM
    return {"ended": ended}


def _leave_threads(context: TrainingContext, folder: Path) -> Any:
    threading.Thread(target=time.sleep, args=[LONG]).start()
    return {}


def _large(context: TrainingContext, folder: Path) -> Any:
    return {"large": "x" * 250_000}


_DOES = {
    "count": _count,
    "save": _save,
    "exit while saving": _exit_while_saving,
    "exit": _exit,
    "be killed": _be_killed,
    "sleep": _sleep,
    "give way": _give_way,
    "environment": _environment,
    "meet": _meet,
    "use a pool": _use_a_pool,
    "end children": _end_children,
    "leave threads": _leave_threads,
    "large": _large,
}
