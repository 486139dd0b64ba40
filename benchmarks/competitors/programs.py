"""What LogLeap is compared with, in `.venv-competitors/`: from PyPI, by the lock beside this file, and from
Debian.

    python -m benchmarks.competitors.make_environment --uv .venv/bin/uv

Debian's packages are unpacked there, not installed. Where there is no apt, or no network, they are left out,
which the benchmark says.
"""

import gzip
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from tools.environments import debian
from tools.environments.locked import LockedEnvironment

HERE = Path(__file__).parent  # with the scripts that run in its Python
_ENVIRONMENT = LockedEnvironment(
    Path(__file__).resolve().parents[2] / ".venv-competitors", HERE / "requirements.txt"
)
PYTHON = _ENVIRONMENT.python
python_ready = _ENVIRONMENT.is_ready
_DEBIAN = _ENVIRONMENT.folder / "debian"
_PACKAGES = ("clickhouse-server", "influxdb")
_PROGRAMS = {"clickhouse": "usr/sbin/clickhouse-server", "influxdb": "usr/bin/influxd"}


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
    _ENVIRONMENT.make(uv)
    if any(program(name) is None for name in _PROGRAMS):
        reason = debian.unpack(_PACKAGES, _DEBIAN)
        if reason is not None:
            print(f"ClickHouse and InfluxDB are left out: {reason}", file=sys.stderr)
