"""Python environments beside `.venv`, each made from a lock: for what does not go with our own packages."""

import argparse
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LockedEnvironment:
    """The environment in `folder`, made from the hashed requirements in `lock`. The stamp: it is whole."""

    folder: Path
    lock: Path

    @property
    def python(self) -> Path:
        """Its Python."""
        return self.folder / "bin" / "python"

    def is_ready(self) -> bool:
        """Whether it is there, whole, and made from the lock as it is now."""
        return self.python.exists() and self._stamp.exists() and self._stamp.read_text() == self._lock_hash()

    def make(self, uv: str, finish: Callable[[], object] = lambda: None) -> None:
        """Make it anew with the program `uv`, unless it is ready; `finish` does what is then left to do.

        Raises subprocess.CalledProcessError when a step fails; the next call then starts over.
        """
        if self.is_ready():
            return
        create = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(self.folder)]
        install = [
            uv,
            "pip",
            "sync",
            "--quiet",
            "--require-hashes",
            "--python",
            str(self.python),
            str(self.lock),
        ]
        subprocess.run(create, check=True)
        subprocess.run(install, check=True)
        finish()
        self._stamp.write_text(self._lock_hash())

    @property
    def _stamp(self) -> Path:
        return self.folder / "made-from"

    def _lock_hash(self) -> str:
        return hashlib.sha256(self.lock.read_bytes()).hexdigest()


def command(what: str, make: Callable[[str], None]) -> int:
    """The command line that makes `what`, by `make` with the path of uv; its exit code."""
    parser = argparse.ArgumentParser(description=f"Make {what}.")
    parser.add_argument("--uv", default=shutil.which("uv"), help="the uv to use (default: from PATH)")
    uv = parser.parse_args().uv
    if uv is None:
        parser.error("uv was not found on PATH: name it with --uv, for instance --uv .venv/bin/uv")
    try:
        make(uv)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"Could not make {what}: {error}", file=sys.stderr)
        return 1
    return 0
