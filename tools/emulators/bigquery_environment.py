"""Makes `.venv-emulators/`, the environment of the BigQuery emulator, from the lock beside this file.

    python tools/emulators/bigquery_environment.py --uv .venv/bin/uv

It is an environment of its own because the emulator pins protobuf 6 and Google's clients want a newer one.
DuckDB looks for its spatial extension under HOME and would download it; so the environment has a `home/` that
holds it, and the emulator is started with that as its HOME. A second run finds the stamp of this very lock
and does nothing.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

_LOCK = Path(__file__).with_name("requirements.txt")
ENVIRONMENT = Path(__file__).resolve().parents[2] / ".venv-emulators"
PYTHON = ENVIRONMENT / "bin" / "python"
HOME = ENVIRONMENT / "home"
_STAMP = ENVIRONMENT / "made-from"
_IMPORT_SPATIAL = "from duckdb_extensions import import_extension; import_extension('spatial')"


def is_ready() -> bool:
    """Whether the environment is there, whole, and made from the lock as it is now."""
    return PYTHON.exists() and _STAMP.exists() and _STAMP.read_text() == _lock_hash()


def make(uv: str) -> None:
    """Make the environment anew with the program `uv`, unless it is ready.

    Raises subprocess.CalledProcessError when a step fails; the next run then starts over.
    """
    if is_ready():
        return
    create = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(ENVIRONMENT)]
    install = [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(PYTHON), str(_LOCK)]
    import_spatial = [str(PYTHON), "-I", "-c", _IMPORT_SPATIAL]
    subprocess.run(create, check=True)
    subprocess.run(install, check=True)
    HOME.mkdir()
    subprocess.run(import_spatial, check=True, env={**os.environ, "HOME": str(HOME)})
    _STAMP.write_text(_lock_hash())


def _lock_hash() -> str:
    return hashlib.sha256(_LOCK.read_bytes()).hexdigest()


def _main() -> int:
    parser = argparse.ArgumentParser(description="Make the environment of the BigQuery emulator.")
    parser.add_argument("--uv", default=shutil.which("uv"), help="the uv to use (default: from PATH)")
    uv = parser.parse_args().uv
    if uv is None:
        parser.error("uv was not found on PATH: name it with --uv, for instance --uv .venv/bin/uv")
    try:
        make(uv)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"The environment of the BigQuery emulator could not be made: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main())
