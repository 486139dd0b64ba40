"""Writes docs/benchmarks.md."""

import os
import platform
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from benchmarks.competitors import stores
from benchmarks.report.results import TARGETS_HEADER, table
from benchmarks.report.saved_results import Run
from benchmarks.servers import ROOT

_PAGE = ROOT / "docs" / "benchmarks.md"
_ANALYSIS = Path(__file__).with_name("analysis.md")
_LIBRARIES = ("flask", "waitress", "msgspec", "orjson", "pyarrow", "google-cloud-bigquery-storage")


def write(runs: Mapping[str, Run]) -> None:
    """The page of the parts' last runs."""
    targets = [target.row() for run in runs.values() for target in run.findings.targets]
    tables = [shown.markdown() for run in runs.values() for shown in run.findings.tables]
    failures = [
        f"**The part `{name}` broke, so its figures are missing**: {run.broke}"
        for name, run in runs.items()
        if run.broke is not None
    ]
    _PAGE.write_text(
        "\n\n".join(
            [
                "# Benchmarks",
                _PREFACE,
                *failures,
                "## Targets",
                table(TARGETS_HEADER, targets),
                _ANALYSIS.read_text(encoding="utf-8").strip(),
                "## Figures",
                *tables,
                "## When, and on what",
                _when(runs),
                _machine(),
            ]
        )
        + "\n",
        encoding="utf-8",
    )


_PREFACE = """\
Written by `make bench`. To repeat all of it: `make bench`; some parts: `make bench PARTS=decode,upload`; a
quick run that writes nothing: `make bench QUICK=1`. How it measures:
[benchmarks/](../benchmarks/__main__.py).

Client, server and their competitors run on one machine, over loopback, and take turns (A B, B A, …), so
that other load on the machine affects all of them alike. Ratios are medians of the rounds' ratios; they
carry over to other machines, the absolute figures do not."""


def _when(runs: Mapping[str, Run]) -> str:
    header = ("part", "began (UTC)", "took", "load before", "commit", "command")
    rows = [
        (
            name,
            f"{run.began:%d %B %Y, %H:%M}",
            f"{run.seconds:.0f} s",
            f"{run.busy:.2f}",
            run.commit,
            f"`make bench PARTS={name}`",
        )
        for name, run in runs.items()
    ]
    return table(header, rows)


def _machine() -> str:
    rows = [
        ("CPU", f"{_cpu()}, {os.cpu_count()} cores"),
        ("memory", f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / (1 << 30):.0f} GiB"),
        ("system", f"{platform.system()} {platform.release()}"),
        ("Python, SQLite", f"{platform.python_version()}, {sqlite3.sqlite_version}"),
        *((name, version(name)) for name in _LIBRARIES if _installed(name)),
        *stores.versions(),
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


def commit() -> str:
    """What is measured, with `-dirty` if it was changed since; the page that tells of it does not count."""
    name = _git("describe", "--always") or "unknown"
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs")
    return f"{name}-dirty" if changed else name


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


if sys.platform != "linux":
    raise SystemExit("The benchmark reads what servers cost from /proc: it needs Linux.")
