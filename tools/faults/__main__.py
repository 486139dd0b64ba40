"""The long attack on the promise: `make faults`. Prints each result and writes docs/reliability.md.

    python -m tools.faults [--scale 0.1] [--only 1,4] [--report FILE] [--anew]

`--scale` is the share of the rounds; a campaign's time is bounded whatever it is. A run that broke off goes
on after its last whole campaign, if it is called with the same scale on the same sources; `--anew` begins
again.
"""

import argparse
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tools.emulators import Emulators, available
from tools.faults.archive_delete_scenarios import archive_delete_scenarios
from tools.faults.campaigns import (
    Outcome,
    archive_delete_crash_points,
    broken_network,
    broken_service,
    clock_jumps,
    crash_points,
    full_disk,
    kills,
    meetings,
    stuck_log,
    zombies,
)
from tools.faults.console_user import console_life
from tools.faults.event_campaign import event_kills
from tools.faults.faulty_proxy import Fault
from tools.faults.harness import Harness, reopening
from tools.faults.history import Findings
from tools.faults.installations import (
    SERVICES,
    Installation,
    emulated_harnesses,
    emulated_installation,
    local_installation,
)
from tools.faults.negative_controls import NEGATIVE_CONTROLS, first_to_find
from tools.faults.report import Progress, Result, report, sources
from tools.faults.scenarios import Scenario, fixed_scenarios, race, unreliable_queue
from tools.faults.small_disk import small_disk, unavailable
from tools.faults.state_machine import drive
from tools.faults.workload import NEVER, Caller, archiving_meeting

ROOT = Path(__file__).parents[2]


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


_PROCESS = "a server or worker process that kills itself at a point"
_ENDING = "a server that kills itself at a step, and so does the worker if its sweeper takes it up"
_FAULTS = "latency, reset, black hole, cut request, lost answer, cut answer, flapping"
_EXAMPLE = (
    "up to 30 calls, drawn at random: of two owners, workers and the sweeper, with crashes, outages, other "
    "calls and jumps of the clock (a minute back to 400 days on) between them and at named points within them"
)

CAMPAIGNS = (
    Campaign(
        "Crashes and outages at named points, use cases in one process, memory",
        "one scenario of the fixed list: an exception at a point, with and without the client's retry; "
        "another request in between; a zombie worker",
        1,
        120,
        lambda rounds, seconds: in_process("memory", fixed_scenarios().values(), seconds),
    ),
    Campaign(
        "The same, SQLite file reopened after each crash",
        "as above",
        1,
        120,
        lambda rounds, seconds: in_process("local", fixed_scenarios().values(), seconds),
    ),
    Campaign(
        "Archiving and deleting, broken off at each step twice or met by another call, one process, SQLite",
        "one scenario of the fixed list",
        1,
        120,
        lambda rounds, seconds: in_process("local", archive_delete_scenarios().values(), seconds),
    ),
    Campaign(
        "Uploads, starts and workers in threads, SQLite",
        "a data set, three uploading, two starting and two working threads",
        500,
        90,
        lambda rounds, seconds: in_process("local", map(race, range(rounds)), seconds),
    ),
    Campaign(
        "A queue that doubles, reorders and delays messages past the lease, with poison among them, SQLite",
        "three data sets",
        500,
        90,
        lambda rounds, seconds: in_process("local", map(unreliable_queue, range(rounds)), seconds),
    ),
    Campaign(
        "Any calls in any order with crashes and jumps of the clock, one process, memory",
        _EXAMPLE,
        1000,
        180,
        lambda rounds, seconds: machine("memory", rounds),
    ),
    Campaign(
        "The same, SQLite",
        "as above",
        300,
        180,
        lambda rounds, seconds: machine("local", rounds),
    ),
    Campaign(
        "SIGKILL at named points, local",
        _PROCESS,
        1,
        120,
        lambda rounds, seconds: on_local(lambda site: crash_points(site, seconds=seconds)),
    ),
    Campaign(
        "SIGKILL of two servers and a worker at random moments under load, local",
        "a SIGKILL; 8 clients that retry",
        1000,
        300,
        lambda rounds, seconds: on_local(lambda site: kills(site, rounds=rounds, seconds=seconds)),
    ),
    Campaign(
        "The same with clients that never retry, local",
        "a SIGKILL; 8 clients",
        200,
        90,
        lambda rounds, seconds: on_local(
            lambda site: kills(site, rounds=rounds, seconds=seconds, patience=NEVER, seed=2)
        ),
    ),
    Campaign(
        "SIGKILL at each step of archiving and deleting, local",
        _ENDING,
        1,
        120,
        lambda rounds, seconds: on_local(
            lambda site: archive_delete_crash_points(
                site.with_settings(LOGLEAP_RUN_PATIENCE="0.3"), seconds=seconds
            )
        ),
    ),
    Campaign(
        "SIGKILL at random moments while data sets are also archived and deleted, local",
        "a SIGKILL; 8 clients that retry",
        300,
        120,
        lambda rounds, seconds: on_local(
            lambda site: kills(site, rounds=rounds, seconds=seconds, job=Caller.whole_life, seed=4)
        ),
    ),
    Campaign(
        "SIGKILL at random moments while people upload, train, archive and delete in the console, local",
        "a SIGKILL; 8 people who send their forms again",
        100,
        60,
        lambda rounds, seconds: on_local(
            lambda site: kills(site, rounds=rounds, seconds=seconds, job=console_life, seed=5)
        ),
    ),
    Campaign(
        "Uploads and starts that meet, two servers and two workers, local",
        "a data set with three uploading and two starting clients, two of which send the same batches",
        200,
        120,
        lambda rounds, seconds: on_local(lambda site: meetings(site, rounds=rounds, seconds=seconds)),
    ),
    Campaign(
        "Uploads, a start, archivings and a deletion that meet, two servers and two workers, local",
        "a data set",
        60,
        120,
        lambda rounds, seconds: on_local(
            lambda site: meetings(site, rounds=rounds, seconds=seconds, meet=archiving_meeting)
        ),
    ),
    Campaign(
        "A worker that stands still (SIGSTOP) past its lease and goes on, local",
        "a run",
        20,
        90,
        lambda rounds, seconds: on_local(lambda site: zombies(site, rounds=rounds, seconds=seconds)),
    ),
    Campaign(
        "Network faults between client and server, local",
        f"a faulty exchange: {_FAULTS}",
        300,
        160,
        lambda rounds, seconds: on_local(lambda site: network(site, rounds, seconds)),
    ),
    Campaign(
        "A small disk that uploads or others fill, and that is freed, local",
        "once full and freed; 4 clients that retry",
        40,
        120,
        lambda rounds, seconds: on_small_disk(
            lambda site, disk: full_disk(site, disk, rounds=rounds, seconds=seconds)
        ),
    ),
    Campaign(
        "A log that goes to a pipe which nobody reads, local",
        "a data set, filled and trained by calls that are sent once; at the end SIGTERM",
        100,
        60,
        lambda rounds, seconds: on_local(lambda site: stuck_log(site, rounds=rounds, seconds=seconds)),
    ),
    Campaign(
        "A clock that jumps while runs have leases, and is set right, local",
        "the clock of all processes set wrong (5 hours behind to 400 days ahead) and right; meanwhile a "
        "worker is killed in a run, or a server in a deletion",
        40,
        90,
        lambda rounds, seconds: on_local(lambda site: clock_jumps(site, rounds=rounds, seconds=seconds)),
    ),
    Campaign(
        "Events to a receiver that errs, while it, two servers and a worker are killed, local",
        "a SIGKILL; 4 clients. The receiver answers 500, 503 or a redirect, takes an event and answers too "
        "late, in part or not at all. Each line of each log must arrive in its order, and each deletion",
        150,
        180,
        lambda rounds, seconds: on_local(lambda site: event_kills(site, rounds=rounds, seconds=seconds)),
    ),
    Campaign(
        "SIGKILL at named points, emulators",
        _PROCESS,
        1,
        240,
        lambda rounds, seconds: on_emulators(lambda site: crash_points(site, seconds=seconds)),
    ),
    Campaign(
        "SIGKILL of two servers and a worker at random moments under load, emulators",
        "a SIGKILL; 6 clients that retry",
        100,
        300,
        lambda rounds, seconds: on_emulators(
            lambda site: kills(
                site, rounds=rounds, seconds=seconds, clients=6, longest_pause=3, patience=90, seed=3
            )
        ),
    ),
    Campaign(
        "The same while data sets are also archived and deleted, emulators, insertAll as the writer",
        "as above",
        30,
        120,
        lambda rounds, seconds: on_emulators(
            lambda site: kills(
                site,
                rounds=rounds,
                seconds=seconds,
                clients=6,
                longest_pause=3,
                patience=90,
                seed=5,
                job=Caller.whole_life,
                settle=90,
            ),
            "streaming-insert",
        ),
    ),
    Campaign(
        "Uploads and starts that meet, two servers and two workers, emulators",
        "as on local",
        20,
        60,
        lambda rounds, seconds: on_emulators(lambda site: meetings(site, rounds=rounds, seconds=seconds)),
    ),
    *(
        Campaign(
            f"Network faults between the processes and {service}, emulators",
            f"a faulty exchange of the kinds above, of 10 % of the exchanges ({what})",
            60,
            60,
            lambda rounds, seconds, service=service: on_emulators(  # type: ignore[misc]
                lambda site: broken_service(site, SERVICES[service], rounds=rounds, seconds=seconds)
            ),
        )
        for service, what in (
            ("Firestore", "gRPC"),
            ("Pub/Sub", "gRPC"),
            ("BigQuery", "REST, and gRPC for the appends"),
        )
    ),
    Campaign(
        "Any calls in any order with crashes and jumps of the clock, emulators, the queue in memory",
        _EXAMPLE,
        40,
        180,
        lambda rounds, seconds: on_emulators(partial(machine_on, examples=rounds)),
    ),
)


def in_process(backend: str, scenarios: Iterable[Scenario], seconds: float) -> Outcome:
    """Each scenario on a new harness."""
    total = Outcome(0, 0.0, Counter(), Findings())
    began = time.monotonic()
    for scenario in scenarios:
        if time.monotonic() - began > seconds:
            break
        with new_harness(backend) as harness:
            scenario(harness)
            findings = harness.check()
            total.add(Outcome(1, 0.0, harness.history.tally(), findings))
    total.seconds = time.monotonic() - began
    return total


@contextmanager
def new_harness(backend: str) -> Iterator[Harness]:
    """A new one."""
    with tempfile.TemporaryDirectory(prefix="logleap-faults-") as folder:
        harness = Harness(reopening(backend, Path(folder)))
        try:
            yield harness
        finally:
            harness.close()


def on_local(scenario: Callable[[Installation], Outcome]) -> Outcome:
    """On a SQLite file of its own."""
    with local_installation() as site:
        return scenario(site)


def on_small_disk(scenario: Callable[[Installation, Path], Outcome]) -> Outcome:
    """On a SQLite file of its own, on a disk of 40 MiB."""
    with small_disk(40) as disk, local_installation(disk) as site:
        return scenario(site, disk)


def on_emulators(scenario: Callable[[Installation], Outcome], writer: str = "storage-write") -> Outcome:
    """On emulators of its own."""
    with Emulators() as emulators, emulated_installation(emulators, writer=writer) as site:
        return scenario(site)


def machine(backend: str, examples: int) -> Outcome:
    """The state machine, each example on a new harness."""
    with tempfile.TemporaryDirectory(prefix="logleap-faults-") as folder:
        return _driven(lambda: Harness(reopening(backend, Path(folder))), examples)


def machine_on(site: Installation, examples: int) -> Outcome:
    """The same on the emulators."""
    with emulated_harnesses(site) as make:
        return _driven(make, examples)


def _driven(make: Callable[[], Harness], examples: int) -> Outcome:
    began = time.monotonic()
    try:
        tried, tally = drive(make, examples=examples, steps=30)
    except AssertionError as error:
        return Outcome(1, time.monotonic() - began, Counter(), Findings(), [str(error)])
    return Outcome(tried, time.monotonic() - began, tally, Findings())


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
    """For each broken part, which scenario found it first and as what."""
    for name, (expected, make) in NEGATIVE_CONTROLS.items():
        try:
            scenario, findings = first_to_find(expected, make)
        except LookupError:
            yield name, "**not found**"
        else:
            yield name, f"{', '.join(sorted(findings.kinds))}, by “{scenario}”"


def _main() -> int:
    parser = argparse.ArgumentParser(description="Attack the promise, and write down what came of it.")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the rounds (default 1)")
    parser.add_argument("--only", help="numbers of campaigns, e.g. 1,4")
    parser.add_argument("--report", type=Path, default=ROOT / "docs" / "reliability.md")
    parser.add_argument("--anew", action="store_true", help="begin again, whatever an earlier run has done")
    arguments = parser.parse_args()
    logging.getLogger("logleap").setLevel(logging.CRITICAL)  # what it warns of here was our doing
    chosen = {int(number) for number in arguments.only.split(",")} if arguments.only else None
    missing = " ".join(reason for reason in available().values() if reason is not None)
    state = sources()
    progress = Progress(ROOT / ".faults.json", f"{state} at scale {arguments.scale}", anew=arguments.anew)
    results: list[Result] = []
    for number, campaign in enumerate(CAMPAIGNS, start=1):
        head = f"[{number}/{len(CAMPAIGNS)}] {campaign.name}"
        if chosen is not None and number not in chosen:
            why = "left out"
        elif missing and "emulators" in campaign.name:
            why = missing
        elif "small disk" in campaign.name and (reason := unavailable()) is not None:
            why = reason
        elif (outcome := progress.get(campaign.name)) is not None:
            print(f"{head}: done before\n   {outcome}", flush=True)
            results.append(Result(campaign.name, campaign.a_round, campaign.at_random, outcome))
            continue
        else:
            print(f"{time.strftime('%H:%M:%S')} {head} (about {campaign.seconds:.0f} s at most)", flush=True)
            outcome = _carried_out(campaign, max(1, round(campaign.rounds * arguments.scale)))
            print(f"   {outcome}", flush=True)
            progress.add(campaign.name, outcome)
            results.append(Result(campaign.name, campaign.a_round, campaign.at_random, outcome))
            continue
        results.append(Result(campaign.name, campaign.a_round, campaign.at_random, None, why))
    found = list(controls())
    for name, how in found:
        print(f"control: {name}: {how}", flush=True)
    arguments.report.write_text(report(results, found, began=progress.began, state=state))
    print(f"written to {arguments.report}")
    progress.end()
    kept = all(result.outcome is None or result.outcome.kept for result in results)
    return 0 if kept and not any("not found" in how for _, how in found) else 1


def _carried_out(campaign: Campaign, rounds: int) -> Outcome:
    began = time.monotonic()
    try:
        outcome = campaign.run(rounds, campaign.seconds)
    except Exception as error:  # noqa: BLE001 -- it stands in the report, and the others are still to come
        why = f"{type(error).__name__}: {error}"
        outcome = Outcome(0, 0.0, Counter(), Findings(), not_compared=why)
    outcome.seconds = time.monotonic() - began  # with the making of the installation
    return outcome


if __name__ == "__main__":
    sys.exit(_main())
