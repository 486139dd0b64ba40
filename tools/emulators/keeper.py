"""Runs one emulator and ends it when whoever asked for it is gone.

    python keeper.py FOLDER COMMAND …

The asker holds the other end of standard input. When that closes, even because the asker was killed, or when
SIGTERM comes, the emulator is killed and FOLDER removed: it lives in memory and has nothing to save. When the
emulator ends by itself, FOLDER stays, so that the asker can read its log.
FOLDER/pid holds the emulator's process id from the moment it runs.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _end_with_keeper() -> None:
    """In the emulator, before its program starts: on Linux the kernel ends it should the keeper be killed."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main(folder: Path, command: list[str]) -> int:
    """Run `command` in `folder` until it ends or is not wanted any more; its exit code."""
    unwanted = threading.Event()
    emulator = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        preexec_fn=_end_with_keeper,  # noqa: PLW1509 -- there is one thread as yet
    )

    def end(*_: object) -> None:
        unwanted.set()
        emulator.kill()

    def wait_for_asker() -> None:
        os.read(sys.stdin.fileno(), 1)  # nothing is ever written: it returns when the pipe closes
        end()

    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=wait_for_asker, daemon=True).start()
    (folder / "pid").write_text(str(emulator.pid))
    code = emulator.wait()
    if unwanted.is_set():
        shutil.rmtree(folder, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
