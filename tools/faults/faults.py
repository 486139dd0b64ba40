"""The long attack on the promise: `make faults`. Prints each result and writes docs/reliability.md.

    python tools/faults/faults.py [--scale 0.1] [--only 1,4] [--report FILE]

`--scale` is the share of the rounds; a campaign's time is bounded whatever it is.
"""

import argparse
import logging
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tools" / "emulators"))

from attacks import Attack, deterministic, race, unruly_queue  # noqa: E402
from campaigns import (  # noqa: E402
    Outcome,
    broken_network,
    crash_points,
    kills,
    meetings,
    zombies,
)
from controls import CONTROLS, first_to_find  # noqa: E402
from emulators import Emulators, available  # noqa: E402
from history import Findings  # noqa: E402
from installations import Installation, emulated_installation, local_installation  # noqa: E402
from laboratory import Laboratory, local_backend, memory_backend  # noqa: E402
from network import Fault  # noqa: E402
from storm import NEVER  # noqa: E402


class Campaign(NamedTuple):
    """An attack: what a round is, how many are aimed at, and for how many seconds at most."""

    name: str
    a_round: str
    rounds: int
    seconds: float
    run: Callable[[int, float], Outcome]

    @property
    def at_random(self) -> bool:
        """Else it is a fixed list, and more rounds of it would tell nothing new."""
        return self.rounds > 1


CAMPAIGNS = (
    Campaign(
        "Crashes and outages at named points, use cases in one process, memory",
        "one attack of the fixed list: an exception at a point, with and without the client's retry; another "
        "request in between; a zombie worker",
        1,
        120,
        lambda rounds, seconds: in_process("memory", deterministic().values(), seconds),
    ),
    Campaign(
        "The same, SQLite file reopened after each crash",
        "as above",
        1,
        120,
        lambda rounds, seconds: in_process("local", deterministic().values(), seconds),
    ),
    Campaign(
        "Uploads, starts and workers in threads, SQLite",
        "a data set, three uploading, two starting and two working threads",
        500,
        120,
        lambda rounds, seconds: in_process("local", map(race, range(rounds)), seconds),
    ),
    Campaign(
        "A queue that doubles, reorders and delays messages past the lease, with poison among them, SQLite",
        "three data sets",
        500,
        120,
        lambda rounds, seconds: in_process("local", map(unruly_queue, range(rounds)), seconds),
    ),
    Campaign(
        "SIGKILL at named points, local",
        "a server or worker process that kills itself at a point",
        1,
        180,
        lambda rounds, seconds: on_local(lambda site: crash_points(site, seconds=seconds)),
    ),
    Campaign(
        "SIGKILL of two servers and a worker at random moments under load, local",
        "a SIGKILL; 8 clients that retry",
        1000,
        600,
        lambda rounds, seconds: on_local(lambda site: kills(site, rounds=rounds, seconds=seconds)),
    ),
    Campaign(
        "The same with clients that never retry, local",
        "a SIGKILL; 8 clients",
        200,
        180,
        lambda rounds, seconds: on_local(
            lambda site: kills(site, rounds=rounds, seconds=seconds, patience=NEVER, seed=2)
        ),
    ),
    Campaign(
        "Uploads and starts that meet, two servers and two workers, local",
        "a data set with three uploading and two starting clients, two of which send the same batches",
        200,
        240,
        lambda rounds, seconds: on_local(lambda site: meetings(site, rounds=rounds, seconds=seconds)),
    ),
    Campaign(
        "A worker that stands still (SIGSTOP) past its lease and goes on, local",
        "a run",
        20,
        120,
        lambda rounds, seconds: on_local(lambda site: zombies(site, rounds=rounds, seconds=seconds)),
    ),
    Campaign(
        "Network faults between client and server, local",
        "a faulty exchange: latency, reset, black hole, cut request, lost answer, cut answer, flapping",
        400,
        240,
        lambda rounds, seconds: on_local(lambda site: network(site, rounds, seconds)),
    ),
    Campaign(
        "SIGKILL at named points, emulators, storage-write",
        "a server or worker process that kills itself at a point",
        1,
        240,
        lambda rounds, seconds: on_emulators(
            lambda site: crash_points(site, seconds=seconds), "storage-write"
        ),
    ),
    Campaign(
        "SIGKILL of two servers and a worker at random moments under load, emulators, streaming-insert",
        "a SIGKILL; 6 clients that retry",
        100,
        420,
        lambda rounds, seconds: on_emulators(
            lambda site: kills(
                site, rounds=rounds, seconds=seconds, clients=6, longest_pause=3, patience=90, seed=3
            )
        ),
    ),
    Campaign(
        "Uploads and starts that meet, two servers and two workers, emulators, streaming-insert",
        "as on local",
        20,
        120,
        lambda rounds, seconds: on_emulators(lambda site: meetings(site, rounds=rounds, seconds=seconds)),
    ),
)


def in_process(backend: str, attacks: Iterable[Attack], seconds: float) -> Outcome:
    """Each attack on a new laboratory."""
    total = Outcome(0, 0.0, Counter(), Findings())
    began = time.monotonic()
    for attack in attacks:
        if time.monotonic() - began > seconds:
            break
        with laboratory(backend) as lab:
            attack(lab)
            findings = lab.check()
            total.add(Outcome(1, 0.0, lab.history.tally(), findings))
    total.seconds = time.monotonic() - began
    return total


@contextmanager
def laboratory(backend: str) -> Iterator[Laboratory]:
    """A new one."""
    with tempfile.TemporaryDirectory(prefix="logleap-faults-") as folder:
        memory = memory_backend()
        lab = Laboratory((lambda: memory) if backend == "memory" else (lambda: local_backend(Path(folder))))
        try:
            yield lab
        finally:
            lab.close()


def on_local(attack: Callable[[Installation], Outcome]) -> Outcome:
    """On a SQLite file of its own."""
    with local_installation() as site:
        return attack(site)


def on_emulators(attack: Callable[[Installation], Outcome], writer: str = "streaming-insert") -> Outcome:
    """On emulators of its own."""
    with Emulators() as emulators, emulated_installation(emulators, writer=writer) as site:
        return attack(site)


def network(site: Installation, rounds: int, seconds: float) -> Outcome:
    """Each kind of fault alone, then all of them mixed."""
    total = Outcome(0, 0.0, Counter(), Findings())
    kinds = [*(fault for fault in Fault if fault is not Fault.NONE), None]
    for kind in kinds:
        total.add(
            broken_network(site, rounds=rounds // len(kinds) + 1, seconds=seconds / len(kinds), only=kind)
        )
    return total


def controls() -> Iterator[tuple[str, str]]:
    """For each broken part, which attack found it first and as what."""
    for name, (expected, make) in CONTROLS.items():
        try:
            attack, findings = first_to_find(expected, make)
        except LookupError:
            yield name, "**not found**"
        else:
            yield name, f"{', '.join(sorted(findings.kinds))}, by “{attack}”"


def _main() -> int:
    parser = argparse.ArgumentParser(description="Attack the promise, and write down what came of it.")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the rounds (default 1)")
    parser.add_argument("--only", help="numbers of campaigns, e.g. 1,4")
    parser.add_argument("--report", type=Path, default=ROOT / "docs" / "reliability.md")
    arguments = parser.parse_args()
    logging.getLogger("logleap").setLevel(logging.CRITICAL)  # what it warns of here was our doing
    chosen = {int(number) for number in arguments.only.split(",")} if arguments.only else None
    missing = [reason for reason in available().values() if reason is not None]
    results: list[tuple[Campaign, Outcome | None, str]] = []
    for number, campaign in enumerate(CAMPAIGNS, start=1):
        if chosen is not None and number not in chosen:
            results.append((campaign, None, "left out"))
            continue
        if missing and "emulators" in campaign.name:
            results.append((campaign, None, " ".join(missing)))
            continue
        rounds = max(1, round(campaign.rounds * arguments.scale))
        outcome = campaign.run(rounds, campaign.seconds)
        results.append((campaign, outcome, ""))
        print(f"{number}. {campaign.name}\n   {outcome}", flush=True)
    found = list(controls())
    for name, how in found:
        print(f"control: {name}: {how}", flush=True)
    arguments.report.write_text(report(results, found))
    print(f"written to {arguments.report}")
    kept = all(outcome is None or outcome.kept for _, outcome, _ in results)
    return 0 if kept and not any("not found" in how for _, how in found) else 1


def report(results: Sequence[tuple[Campaign, Outcome | None, str]], found: Sequence[tuple[str, str]]) -> str:
    """The page."""
    lines = [INTRODUCTION.format(when=datetime.now(UTC), environment=environment())]
    lines += [
        "| # | attack | rounds | broken promises | bound at 95 % | seconds |",
        "|--:|---|--:|--:|--:|--:|",
    ]
    for number, (campaign, outcome, why) in enumerate(results, start=1):
        if outcome is None:
            lines.append(f"| {number} | {campaign.name} | 0 | not run: {why} | | |")
            continue
        broken = sum(len(sentences) for sentences in outcome.findings.all().values()) + len(outcome.failures)
        bound = f"{min(1.0, 3 / outcome.rounds):.1%}" if campaign.at_random and not broken else ""
        cells = (number, campaign.name, f"{outcome.rounds:,}", broken, bound, f"{outcome.seconds:.0f}")
        lines.append(f"| {' | '.join(map(str, cells))} |")
    lines += ["", "What a round is, and what happened on the way:", ""]
    for number, (campaign, outcome, _) in enumerate(results, start=1):
        if outcome is None:
            continue
        counts = ", ".join(f"{name} {many:,}" for name, many in sorted(outcome.counts.items()))
        lines.append(f"{number}. A round: {campaign.a_round}. {counts}.")
        for kind, sentences in outcome.findings.all().items():
            lines += [f"   - **{kind}**: {sentence}" for sentence in sentences[:5]]
        lines += [f"   - **{failure}**" for failure in outcome.failures[:5]]
    lines += ["", CONTROLS_INTRODUCTION, "", "| broken on purpose | found as |", "|---|---|"]
    lines += [f"| {name} | {how} |" for name, how in found]
    return "\n".join([*lines, "", NOT_COVERED])


def environment() -> str:
    """What it ran on."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return (
        f"LogLeap {version('logleap')} ({commit or 'no git'}), Python {platform.python_version()}, SQLite "
        f"{sqlite3.sqlite_version}, {platform.system()} {platform.release()}, {os.cpu_count()} cores"
    )


INTRODUCTION = """# Reliability: the promise, attacked

Written by `make faults` on {when:%d %B %Y, %H:%M} UTC. {environment}. The figures stand as they came.

## What is promised

An acknowledged entry is in the training set exactly once. A request without an answer is in as a whole or not
at all; a refused one is not. There is one run for each start, and it ends once. Owners are walls.

## How it is attacked

Clients write each call down before they send it, then what they were told: in, refused, or no answer. Each
entry carries its batch and its place in it. Afterwards all that each training has read, and what is in the
store, is compared with what the clients know ([history.py](../tools/faults/history.py)):

- **lost**: acknowledged and missing; **doubled**: there more than once; **partial**: some entries of a batch
  without an answer; **phantom**: refused or never sent, and there; **foreign**: of another owner or data set;
  **runs**: two runs of a start, a run that ended twice or never, or whose number is not that of its entries.

Servers and workers are real processes (`logleap serve`, `logleap worker`), under a supervisor that starts
them anew. They have a lease of 0.5 s (3 s on the emulators), so that they take over soon.

## What came of it

“Bound” is what follows from no failure in N rounds: the chance of a broken promise in a round of this kind is
below 3/N with 95 % confidence (the rule of three). It holds where the rounds are alike, and says nothing of
other faults. Fixed lists of attacks have none: to repeat them tells nothing new.
"""

CONTROLS_INTRODUCTION = """## Would it have been found?

A harness that finds nothing proves nothing. So each part that the protocols rest on is broken on purpose, and
the attacks must find it (the tests run these each time)."""

NOT_COVERED = """## What is not covered

- **Loss of power.** SIGKILL leaves the operating system running, with all that was written but not synced.
  The local backend syncs each commit (`synchronous=FULL`); whether a disk keeps what it said it wrote is not
  tested.
- **The real Google services.** The emulators keep everything in memory and differ from them (no
  de-duplication, no quotas, no replicas, no slow starts of new tables). The BigQuery emulator stops for good
  when appends over gRPC meet REST calls, so `storage-write` is attacked one request at a time only.
- Network faults between the servers and the emulators; damage to the disk or the file; jumps of the clock.
- Archiving and deleting, bodies of many megabytes, more than one machine, other systems than Linux.
- Clients that retry without an Idempotency-Key: that is a new batch, by contract.
"""


if __name__ == "__main__":
    sys.exit(_main())
