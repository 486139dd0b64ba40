"""The page tells what came of the scenarios, also what was not compared; a run goes on where it broke off."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from tools.faults.campaigns import Outcome
from tools.faults.history import Findings
from tools.faults.report import Progress, Result, report

KEPT = Outcome(1000, 12.0, Counter({"kills": 1000, "batches ok": 12_345}), Findings())
BROKEN = Outcome(
    10, 1.0, Counter(), Findings(lost=["batch 'b7', though acknowledged"]), ["a client broke off"]
)
STOPPED = Outcome(0, 5.0, Counter(), Findings(), not_compared="EmulatorError: it does not answer")


def page(*results: Result) -> str:
    return report(
        results,
        [("no fence", "runs, by “a zombie”")],
        began=datetime(2026, 1, 2, tzinfo=UTC),
        state="abc1234",
    )


def test_what_was_kept_has_a_bound() -> None:
    text = page(Result("kills", "a SIGKILL", True, KEPT), Result("a list", "a scenario", False, KEPT))
    assert "| 1 | kills | 1,000 | 0 | 0.3% | 12 |" in text
    assert "| 2 | a list | 1,000 | 0 |  | 12 |" in text
    assert "1. A round: a SIGKILL. batches ok 12,345, kills 1,000." in text


def test_what_was_broken_is_told_and_has_none() -> None:
    text = page(Result("kills", "a SIGKILL", True, BROKEN))
    assert "| 1 | kills | 10 | 2 |  | 1 |" in text
    assert "- **lost**: batch 'b7', though acknowledged" in text
    assert "- **a client broke off**" in text


def test_what_was_not_run_or_not_compared_says_why() -> None:
    text = page(
        Result("kills", "a SIGKILL", True, STOPPED), Result("others", "a run", True, None, "no Java here")
    )
    assert "| 1 | kills | 0 | **not compared** | | 5 |" in text
    assert "**Nothing was compared**: EmulatorError: it does not answer" in text
    assert "| 2 | others | 0 | not run: no Java here | | |" in text


def test_its_lines_are_filled_and_none_is_too_long() -> None:
    lines = [
        line for line in page(Result("kills", "a SIGKILL " * 50, True, KEPT)).splitlines() if line[:1] != "|"
    ]
    assert max(map(len, lines)) <= 115
    assert sum(len(line) > 95 for line in lines) > 20


def test_a_run_goes_on_where_it_broke_off(tmp_path: Path) -> None:
    file = tmp_path / "progress"
    first = Progress(file, "this run", anew=False)
    first.add("kills", BROKEN)
    first.add("stopped", STOPPED)
    second = Progress(file, "this run", anew=False)
    assert second.get("kills") == BROKEN
    assert second.get("stopped") is None, "nothing was compared: to be repeated"
    assert second.began == first.began
    assert Progress(file, "of other sources", anew=False).get("kills") is None
    assert Progress(file, "this run", anew=True).get("kills") is None
    second.end()
    assert Progress(file, "this run", anew=False).get("kills") is None
