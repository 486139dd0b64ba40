"""All kinds of calls for half an hour under kills: nothing is lost, and what is not killed does not grow.

    python -m tools.faults.soak [--minutes 30] [--seed 1]

Clients of several owners upload, repeat uploads, train, report, archive and delete, on the local backend.
One server and one worker are killed at random moments; another server and another worker live through it
all, and their memory and their open files are measured. What they grow by in an hour is the slope of a line
through the measurements after the first third, in which caches and allocators fill. Afterwards everything is
compared with what the clients were told. Exit code 1: something was broken, or has grown.
"""

import argparse
import random
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from logleap.client import ApiError, Unreachable
from tools.faults.campaigns import Outcome, deaths, judged, wait_until_taken_up
from tools.faults.cluster import Cluster
from tools.faults.history import Answer, History
from tools.faults.installations import Installation, local_installation
from tools.faults.workload import Caller, clients_at_work, retries

CLIENTS = 6
MEASURED = ("api-0", "worker-0")
KILLED = ("api-1", "worker-1")
LONGEST_PAUSE = 8.0
"""Seconds between two kills, at most."""

MEASUREMENTS = 240
WARM_UP = 1 / 3
"""Of the measurements, which are not judged."""

_SETTINGS = {
    "LOGLEAP_TASK_ISOLATION": "process",
    "LOGLEAP_CONCURRENT_RUNS": "3",
    "LOGLEAP_RUN_LEASE": "3",
    "LOGLEAP_RUN_PATIENCE": "10",
    "LOGLEAP_SWEEP_INTERVAL": "1",
}
_SETTLE = 120.0  # seconds for runs under way, and for archivings and deletions that were interrupted


class Sample(NamedTuple):
    """A measurement of a process: after how many hours, MiB in memory, and open files."""

    hours: float
    memory: float
    files: int


class Growth(NamedTuple):
    """A quantity at the beginning and at the end, by the fitted line, and how much it grows in an hour."""

    begin: float
    end: float
    slope: float

    def is_flat(self, allowance: float) -> bool:
        """Whether it has grown by at most a tenth and `allowance`."""
        return self.end - self.begin <= 0.1 * self.begin + allowance


def sample(pid: int, hours: float) -> Sample:
    """Measure a process. Raises OSError if it is gone."""
    process = Path("/proc", str(pid))
    fields = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    return Sample(hours, int(fields["VmRSS"].split()[0]) / 1024, len(list((process / "fd").iterdir())))


def growth(hours: Sequence[float], values: Sequence[float]) -> Growth:
    """The line of least squares through the measurements after the warm-up."""
    first = int(len(hours) * WARM_UP)
    slope, intercept = statistics.linear_regression(hours[first:], values[first:])
    return Growth(intercept + slope * hours[first], intercept + slope * hours[-1], slope)


class Reports:
    """A client's whole life of a data set with reports, which must have the acknowledged entries."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []

    def life(self, caller: Caller, rng: random.Random, strangers: Sequence[str]) -> str:
        """Of one data set. Most are deleted at the end, so that the disk does not fill."""
        data_id = caller.filled(rng, strangers)
        sent = [caller.append(data_id, rng.randint(20, 200)) for _ in range(rng.randint(1, 4))]
        self._report(caller, data_id)
        if strangers and rng.random() < 0.3:
            rng.choice((caller.archive, caller.delete))(rng.choice(strangers))
        if rng.random() < 0.5:
            caller.trained(data_id)
        if rng.random() < 0.6:
            caller.archive(data_id)
            self._report(caller, data_id)
        if rng.random() < 0.3:
            caller.trained(data_id)
        for batch in sent:  # sealed, trained or archived: an acknowledged batch is answered as it was
            caller.append(data_id, batch.size, batch.key)
            self.counts["batches repeated at the end"] += 1
        if rng.random() < 0.8:
            caller.delete(data_id)
        return data_id

    def _report(self, caller: Caller, data_id: str) -> None:
        try:
            entries = caller.client.report(data_id)["entries"]
        except (ApiError, Unreachable):
            self.counts["reports without an answer"] += 1
            return
        self.counts["reports ok"] += 1
        batches = [one for one in caller.history.batches_of(data_id) if one.owner == caller.owner]
        least = sum(one.size for one in batches if one.answer is Answer.OK)
        most = sum(one.size for one in batches if one.answer is not Answer.REFUSED)
        if not least <= entries <= most:
            self.failures.append(f"a report on {data_id} counts {entries} entries, not {least} to {most}")


def soak(site: Installation, *, seconds: float, seed: int = 1) -> tuple[Outcome, Mapping[str, list[Sample]]]:
    """Clients at work under kills for so long: what came of it, and the measurements by process."""
    rng = random.Random(seed)
    history, began = History(), time.monotonic()
    retries.clear()
    reports = Reports()
    samples: dict[str, list[Sample]] = {name: [] for name in MEASURED}
    with ExitStack() as stack:
        cluster = stack.enter_context(Cluster(site.settings, site.folder, apis=2, workers=2))
        stop = threading.Event()
        stack.callback(stop.set)
        ended = clients_at_work(
            cluster.urls, history, seed, number=CLIENTS, patience=60, stop=stop, job=reports.life
        )
        next_kill = next_sample = 0.0
        while (passed := time.monotonic() - began) < seconds:
            if passed >= next_sample:
                next_sample = passed + seconds / MEASUREMENTS
                for name in MEASURED:
                    samples[name].append(sample(cluster.members[name].pid, passed / 3600))
            if passed >= next_kill:
                next_kill = passed + rng.random() * LONGEST_PAUSE
                cluster.kill(rng.choice(KILLED))
            time.sleep(0.1)
        stop.set()
        failures = ended(lambda: None)
        _wait_for_runs(site)
        wait_until_taken_up(site, _SETTLE)
        counts = history.tally() + deaths(cluster) + retries + reports.counts
        failures += reports.failures
        failures += [f"{name} ended" for name in MEASURED if cluster.members[name].ends]
    return judged(site, history, counts["kills"], began, counts, failures), samples


def _wait_for_runs(site: Installation) -> None:
    """Until none is under way. Those that still are show in the findings."""
    deadline = time.monotonic() + _SETTLE
    with site.open_backend() as backend:
        while backend.runs.due(datetime.now(UTC) + timedelta(days=1), 1) and time.monotonic() < deadline:
            time.sleep(0.2)


def table(samples: Mapping[str, Sequence[Sample]]) -> tuple[list[str], bool]:
    """The measurements as a table in Markdown, and whether all are flat."""
    lines = ["| process | what | at first | at the end | per hour |", "|---|---|--:|--:|--:|"]
    flat = True
    kinds: Sequence[tuple[str, Callable[[Sample], float], float]] = (
        ("memory, MiB", lambda one: one.memory, 4.0),
        ("open files", lambda one: one.files, 4.0),
    )
    for name, measured in samples.items():
        for what, value, allowance in kinds:
            found = growth([one.hours for one in measured], [value(one) for one in measured])
            grown = not found.is_flat(allowance)
            flat = flat and not grown
            figures = f"{found.begin:.1f} | {found.end:.1f} | {found.slope:+.1f}"
            lines.append(f"| {name} | {what}{' **has grown**' if grown else ''} | {figures} |")
    return lines, flat


def _main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with local_installation() as site:
        soaked = site.with_settings(**_SETTINGS)
        outcome, samples = soak(soaked, seconds=given.minutes * 60, seed=given.seed)
    lines, flat = table(samples)
    print(f"{given.minutes:g} minutes, {CLIENTS} clients, a round is a SIGKILL", outcome, "", sep="\n")
    print("\n".join(lines))
    return 0 if outcome.kept and flat else 1


if __name__ == "__main__":
    sys.exit(_main())
