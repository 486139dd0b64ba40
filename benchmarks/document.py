"""Writes docs/benchmarks.md."""

import os
import platform
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import rivals
from results import TARGETS_HEADER, Findings, table
from servers import ROOT

_PAGE = ROOT / "docs" / "benchmarks.md"
_STORY = Path(__file__).with_name("story.md")
_LIBRARIES = ("flask", "waitress", "granian", "msgspec", "orjson", "pyarrow", "google-cloud-bigquery-storage")


def write(found: Mapping[str, Findings], broken: Mapping[str, str], began: datetime, busy: float) -> None:
    """The page of one whole run, `busy` being the load average when it began."""
    targets = [target.row() for findings in found.values() for target in findings.targets]
    tables = [shown.markdown() for findings in found.values() for shown in findings.tables]
    failures = [
        f"**The part `{name}` broke, so its figures are missing**: {why}" for name, why in broken.items()
    ]
    _PAGE.write_text(
        "\n\n".join(
            [
                "# Benchmarks",
                _preface(began),
                *failures,
                "## Targets",
                table(TARGETS_HEADER, targets),
                _STORY.read_text(encoding="utf-8").strip(),
                "## Figures",
                *tables,
                "## Machine and versions",
                _machine(busy),
            ]
        )
        + "\n",
        encoding="utf-8",
    )


def _preface(began: datetime) -> str:
    return (
        f"Written by `make bench` on {began:%d %B %Y, %H:%M} UTC, of the commit {_commit()}. To repeat it: "
        "`make bench`, or one part of it, `make bench ONLY=decode` "
        "(how it measures: [benchmarks/](../benchmarks/bench.py)).\n\n"
        "Client, server and what they are compared with run on one machine, over loopback, and take turns "
        "(A B, B A, …), so that whatever else the machine does meets all of them. Ratios are medians of the "
        "rounds' ratios; they carry over to other machines, the absolute figures do not."
    )


def _machine(busy: float) -> str:
    rows = [
        ("CPU", f"{_cpu()}, {os.cpu_count()} cores"),
        ("memory", f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / (1 << 30):.0f} GiB"),
        ("load average at the beginning", f"{busy:.2f}"),
        ("system", f"{platform.system()} {platform.release()}"),
        ("Python, SQLite", f"{platform.python_version()}, {sqlite3.sqlite_version}"),
        *((name, version(name)) for name in _LIBRARIES if _installed(name)),
        *rivals.versions(),
    ]
    return table(("", ""), rows)


def _installed(name: str) -> bool:
    try:
        version(name)
    except ModuleNotFoundError:
        return False
    return True


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    return (
        subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
        or "unknown"
    )


if sys.platform != "linux":
    raise SystemExit("The benchmark reads what servers cost from /proc: it needs Linux.")
