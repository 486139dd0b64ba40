"""`.venv-emulators/`, the environment of the BigQuery emulator, from the lock beside this file.

    python -m tools.emulators.make_environment --uv .venv/bin/uv

It is an environment of its own because the emulator pins protobuf 6 and Google's clients want a newer one.
DuckDB looks for its spatial extension under HOME and would download it; so the environment has a `home/` that
holds it, and the emulator is started with that as its HOME. A second run finds the stamp of this very lock
and does nothing.
"""

import os
import subprocess
from pathlib import Path

from tools.environments.locked import LockedEnvironment

_ENVIRONMENT = LockedEnvironment(
    Path(__file__).resolve().parents[2] / ".venv-emulators", Path(__file__).with_name("requirements.txt")
)
PYTHON = _ENVIRONMENT.python
HOME = _ENVIRONMENT.folder / "home"
is_ready = _ENVIRONMENT.is_ready
_IMPORT_SPATIAL = "from duckdb_extensions import import_extension; import_extension('spatial')"


def make(uv: str) -> None:
    """Make the environment, unless it is ready. Raises subprocess.CalledProcessError."""
    _ENVIRONMENT.make(uv, _import_spatial)


def _import_spatial() -> None:
    HOME.mkdir()
    command = [str(PYTHON), "-I", "-c", _IMPORT_SPATIAL]
    subprocess.run(command, check=True, env={**os.environ, "HOME": str(HOME)})
