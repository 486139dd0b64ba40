"""The page about the attacks, docs/reliability.md; and what is kept of a run so that it can go on."""

import json
import os
import platform
import sqlite3
import subprocess
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tools.faults.campaigns import Outcome
from tools.faults.history import Findings

_ROOT = Path(__file__).parents[2]
_WIDTH = 115


@dataclass(frozen=True)
class Result:
    """What came of a campaign: an outcome, or why it was not run."""

    name: str
    a_round: str
    at_random: bool
    outcome: Outcome | None
    why_not: str = ""


class Progress:
    """The outcomes of a run so far, in a file; forgotten if it is another `run`."""

    def __init__(self, path: Path, run: str, *, anew: bool) -> None:
        self._path = path
        kept = json.loads(path.read_text()) if path.exists() and not anew else {}
        if kept.get("run") != run:
            kept = {"run": run, "began": datetime.now(UTC).isoformat(), "outcomes": {}}
        self._kept: dict[str, Any] = kept

    @property
    def began(self) -> datetime:
        """When the run did, for the first time."""
        return datetime.fromisoformat(self._kept["began"])

    def get(self, name: str) -> Outcome | None:
        """What came of a campaign that is over."""
        kept = self._kept["outcomes"].get(name)
        if kept is None:
            return None
        return Outcome(
            **{**kept, "counts": Counter(kept["counts"]), "findings": Findings(**kept["findings"])}
        )

    def add(self, name: str, outcome: Outcome) -> None:
        """A campaign is over. One in which nothing was compared is to be repeated."""
        if not outcome.not_compared:
            self._kept["outcomes"][name] = {**vars(outcome), "findings": asdict(outcome.findings)}
            self._path.write_text(json.dumps(self._kept))

    def end(self) -> None:
        """The page is written."""
        self._path.unlink(missing_ok=True)


def sources() -> str:
    """Which state of the program it is."""
    commit = _git("describe", "--always") or "no git"
    return f"{commit}-changed" if _git("status", "--porcelain", "--", "src", "tools") else commit


def report(
    results: Sequence[Result], found: Sequence[tuple[str, str]], *, began: datetime, state: str
) -> str:
    """The page; `state` is that of the sources at the beginning."""
    now = datetime.now(UTC)
    lines = [_wrapped(_INTRODUCTION.format(began=began, ended=now, environment=_environment(state)))]
    lines += [
        "| # | attack | rounds | broken promises | bound at 95 % | seconds |",
        "|--:|---|--:|--:|--:|--:|",
        *(_row(number, result) for number, result in enumerate(results, start=1)),
        "",
        "What a round is, and what happened on the way:",
        "",
    ]
    for number, result in enumerate(results, start=1):
        lines += _details(number, result)
    lines += ["", _wrapped(_CONTROLS), "", "| broken on purpose | found as |", "|---|---|"]
    lines += [f"| {name} | {how} |" for name, how in found]
    return "\n".join([*lines, "", _wrapped(_NOT_COVERED)])


def _row(number: int, result: Result) -> str:
    outcome = result.outcome
    if outcome is None:
        return f"| {number} | {result.name} | 0 | not run: {result.why_not} | | |"
    if outcome.not_compared:
        return f"| {number} | {result.name} | 0 | **not compared** | | {outcome.seconds:.0f} |"
    broken = sum(len(sentences) for sentences in outcome.findings.all().values()) + len(outcome.failures)
    bound = (
        f"{min(1.0, 3 / outcome.rounds):.1%}" if result.at_random and outcome.kept and outcome.rounds else ""
    )
    cells = (number, result.name, f"{outcome.rounds:,}", broken, bound, f"{outcome.seconds:.0f}")
    return f"| {' | '.join(map(str, cells))} |"


def _details(number: int, result: Result) -> list[str]:
    outcome = result.outcome
    if outcome is None:
        return []
    counts = ", ".join(f"{name} {many:,}" for name, many in sorted(outcome.counts.items()))
    lines = _point(f"{number}. ", f"A round: {result.a_round}.{f' {counts}.' if counts else ''}")
    sentences = [f"**{kind}**: {one}" for kind, each in outcome.findings.all().items() for one in each[:5]]
    if outcome.not_compared:
        sentences.append(f"**Nothing was compared**: {outcome.not_compared}")
    for sentence in [*sentences, *(f"**{failure}**" for failure in outcome.failures[:5])]:
        lines += _point("   - ", sentence)
    return lines


def _point(mark: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=mark, subsequent_indent=" " * len(mark), break_long_words=False
    )


def _wrapped(text: str) -> str:
    """Paragraphs and points, each with its lines filled."""
    blocks = []
    for block in text.strip().split("\n\n"):
        if block.startswith("#"):
            blocks.append(block)
        elif block.startswith("- "):
            points = block[2:].split("\n- ")
            blocks.append("\n".join(line for one in points for line in _point("- ", " ".join(one.split()))))
        else:
            blocks.append(textwrap.fill(" ".join(block.split()), _WIDTH, break_long_words=False))
    return "\n\n".join(blocks) + "\n"


def _environment(state: str) -> str:
    return (
        f"LogLeap {version('logleap')} at {state}, Python {platform.python_version()}, SQLite "
        f"{sqlite3.sqlite_version}, {platform.system()} {platform.release()}, {os.cpu_count()} cores"
    )


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=_ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


_INTRODUCTION = """# Reliability: attacks on the promise

Written by `make faults`, which ran from {began:%d %B %Y, %H:%M} to {ended:%d %B %Y, %H:%M} UTC.
{environment}. The results are unedited.

## What is promised

An acknowledged entry is in the training set exactly once. A request without an answer took effect as a
whole or not at all; a refused one had no effect. There is one run per start, and it ends once. Owners
are isolated. Archiving and deleting that were interrupted are completed: an archived data set has all of
its entries and can be trained on as before; of a deleted one nothing is left.

## How it is attacked

Clients record each call before they send it, and then its outcome: accepted, refused, or no answer. Each
entry carries its batch and its position. Afterwards, everything that each training read, and everything
in the store or the archive, is compared with the clients' records
([history.py](../tools/faults/history.py)):

- **lost**: acknowledged, but missing; **doubled**: stored more than once; **partial**: only some entries
of a batch that got no answer; **phantom**: present, although refused or never sent; **foreign**: of
another owner or data set
- **runs**: two runs of one start, a run that ended twice or never, or whose number of entries is wrong
- **left**: remains of a deleted data set, or an archiving that has not been completed
- **events**: an event that did not reach its receiver, out of order, or twice with two ids

Servers and workers are real processes (`logleap serve`, `logleap worker`), forked from one that has
loaded the libraries, under a supervisor that restarts them. Their lease is 0.5 s (3 s on the emulators),
so that they take over soon. Where it says "one process", the use cases and the real adapters run in the
harness's own process, with its clock, and an uncaught exception stands for the end of the process.

Network faults come from a proxy. With HTTP/1.1 a fault affects one request; with gRPC, which has many
requests on one connection, all requests in progress on it.

Beside all this, spin checks an outline of the protocol in every order of its steps:
[the model](protocol/README.md). And `make soak` lets clients of several owners make all kinds of calls for
half an hour while processes are killed; it also measures whether the memory and the open files of those that
live through it grow: [its last run](soak.md). How long `/healthz` takes beside the worst of other calls is
[measured apart](health.md).

## Results

"Bound" is what follows from no failure in N rounds: the probability of a broken promise in a round of
this kind is below 3/N with 95 % confidence (the rule of three). It holds only where the rounds are
alike, and says nothing about other faults. Fixed lists of attacks have no bound, because repeating them
adds no information.
"""

_CONTROLS = """## Would failures have been found?

A harness that finds nothing proves nothing. So each part that the protocol rests on is broken on
purpose, and the attacks must find it. `make test` runs these controls each time. Beyond the table, it
runs real servers that do not recognise a repeated batch, or that drop an archiving's rows too early,
which a bad network and kills at random moments must find; servers that acknowledge what a full disk did
not take, that keep no reserve, that write their log in place, or that believe a lease which ends in five
hours; and a ledger that does not recognise a repeated batch, which the random calls must find.
"""

_NOT_COVERED = """## What is not covered

- **Loss of power.** SIGKILL leaves the operating system running, with everything that was written but not
synced. The local backend syncs each commit (`synchronous=FULL`); whether a disk keeps what it confirmed
is not tested.
- **The real Google services.** The emulators keep everything in memory and differ from the services (no
deduplication, no quotas, no replicas, no delay for new tables). BigQuery's emulator runs all its work on
one thread ([bigquery_server.py](../tools/emulators/bigquery_server.py)), because it locks up otherwise.
- **A process that is suspended in the middle of a write to the SQLite file.** No other process can write
until it resumes or is killed; meanwhile calls are answered 503. Nothing is lost.
- Damage to the disk or the file. Clocks of several machines that differ: the processes have one clock.
- Network faults between the processes and Cloud Storage: here archives go to a folder.
- Bodies of many megabytes, more than one machine, systems other than Linux.
- Clients that retry without an Idempotency-Key: by contract, that is a new batch.
"""
