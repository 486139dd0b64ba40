"""What the parts found when they ran last, in build/benchmarks/: one file a part."""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from benchmarks.report.results import Findings
from benchmarks.servers import ROOT

_FOLDER = ROOT / "build" / "benchmarks"


@dataclass(frozen=True, slots=True)
class Run:
    """A part's run: when it began, how long it took, what else the machine had to do, and on which commit.

    `busy` is the load average of the minute before. `broke` tells why there are no findings.
    """

    began: datetime
    seconds: float
    busy: float
    commit: str
    findings: Findings
    broke: str | None


def keep(part: str, run: Run) -> None:
    """Replace what is kept of the part."""
    _FOLDER.mkdir(parents=True, exist_ok=True)
    (_FOLDER / f"{part}.json").write_bytes(msgspec.json.format(msgspec.json.encode(run)))


def of(part: str) -> Run | None:
    """The part's last run, if it ever ran here."""
    file = _FOLDER / f"{part}.json"
    return msgspec.json.decode(file.read_bytes(), type=Run) if file.exists() else None
