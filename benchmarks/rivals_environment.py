"""Makes `.venv-rivals/`: what LogLeap is compared with, of PyPI (by the lock beside this file) and of Debian.

    python benchmarks/rivals_environment.py --uv .venv/bin/uv

Debian's packages are unpacked there, not installed. Where there is no apt, or no network, they are left out,
which the benchmark says.
"""

import argparse
import gzip
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tools" / "debian"))

import debian

_LOCK = Path(__file__).with_name("requirements.txt")
ENVIRONMENT = Path(__file__).resolve().parents[1] / ".venv-rivals"
PYTHON = ENVIRONMENT / "bin" / "python"
_DEBIAN = ENVIRONMENT / "debian"
_STAMP = ENVIRONMENT / "made-from"
_PACKAGES = ("clickhouse-server", "influxdb")
_PROGRAMS = {"clickhouse": "usr/sbin/clickhouse-server", "influxdb": "usr/bin/influxd"}


def python_ready() -> bool:
    """Whether the Python environment is there, whole, and made from the lock as it is now."""
    return PYTHON.exists() and _STAMP.exists() and _STAMP.read_text() == _lock_hash()


def program(name: str) -> Path | None:
    """The program of `clickhouse` or `influxdb`: unpacked, or installed on the system. None: neither."""
    unpacked = _DEBIAN / _PROGRAMS[name]
    if unpacked.exists():
        return unpacked
    found = shutil.which(unpacked.name, path="/usr/bin:/usr/sbin")
    return None if found is None else Path(found)


def debian_version(package: str) -> str:
    """The version of a package that `program` found, as its changelog tells it."""
    for root in (_DEBIAN, Path("/")):
        for changelog in sorted((root / "usr/share/doc" / package).glob("changelog.Debian*.gz")):
            with gzip.open(changelog, "rt") as lines:
                return lines.readline().partition("(")[2].partition(")")[0]
    return "unknown"


def libraries() -> Mapping[str, str]:
    """The environment in which an unpacked program finds its libraries."""
    return debian.libraries(_DEBIAN)


def make(uv: str) -> None:
    """Make what is missing. Raises subprocess.CalledProcessError; the next run then starts over."""
    if not python_ready():
        create = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(ENVIRONMENT)]
        install = [uv, "pip", "sync", "--quiet", "--require-hashes", "--python", str(PYTHON), str(_LOCK)]
        subprocess.run(create, check=True)
        subprocess.run(install, check=True)
        _STAMP.write_text(_lock_hash())
    if any(program(name) is None for name in _PROGRAMS):
        reason = debian.unpack(_PACKAGES, _DEBIAN)
        if reason is not None:
            print(f"ClickHouse and InfluxDB are left out: {reason}", file=sys.stderr)


def _lock_hash() -> str:
    return hashlib.sha256(_LOCK.read_bytes()).hexdigest()


def _main() -> int:
    parser = argparse.ArgumentParser(description="Make the environment of what the benchmark compares with.")
    parser.add_argument("--uv", default=shutil.which("uv"), help="the uv to use (default: from PATH)")
    uv = parser.parse_args().uv
    if uv is None:
        parser.error("uv was not found on PATH: name it with --uv, for instance --uv .venv/bin/uv")
    try:
        make(uv)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"What the benchmark compares with could not be made: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main())
