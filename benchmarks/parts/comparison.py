"""LogLeap's `local` against what users would pick instead, the same entries over HTTP in the same run."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from benchmarks import load, payloads
from benchmarks.competitors import stores
from benchmarks.interleaving import Figures, interleaved, ratio
from benchmarks.iterations import Iterations
from benchmarks.report.results import Findings, Table, Target, at_least, figure, milliseconds, skipped


@dataclass(frozen=True, slots=True)
class Match:
    """A comparison: so many entries a call, and how many times each competitor's rate is aimed at."""

    entries: int
    clients: int
    calls: int  # at most, in a turn
    aims: Mapping[str, float]
    beside: Sequence[str] = ()  # what else is measured


MATCHES = (
    Match(1_000, 4, 600, {"InfluxDB": 3.0, "datasette": 7.0, "ClickHouse": 2.5}, beside=["the bare stack"]),
    Match(1, 16, 6_000, {"InfluxDB": 1.0}, beside=["the bare stack", "Flask alone"]),
)
_numbers = count()


def run(iterations: Iterations) -> Findings:
    """Every turn goes into a new data set, database or table, whose entries are counted afterwards."""
    findings = [_played(match, iterations) for match in MATCHES]
    return Findings(
        [target for each in findings for target in each.targets],
        [shown for each in findings for shown in each.tables],
    )


@dataclass
class _Side:
    """One store under the load of a match."""

    store: stores.Store
    port: int
    match: Match
    outcomes: list[load.Outcome] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._bodies = list(payloads.bodies(self.store.write, self.match.calls, self.match.entries))

    def fill(self, seconds: float) -> float:
        """Fill a new room. Returns entries a second. Raises LoadFailed if it does not hold what was taken."""
        path = self.store.room(self.port, f"room{next(_numbers)}")
        requests = [load.request(path, body, self.store.headers) for body in self._bodies]
        outcome = load.drive(self.port, requests, clients=self.match.clients, seconds=seconds)
        taken, stored = outcome.calls * self.match.entries, self.store.count(self.port, path)
        if stored != taken:
            raise load.LoadFailed(f"{self.store.name} took {taken} entries and holds {stored}")
        self.outcomes.append(outcome)
        return outcome.rate * self.match.entries

    def row(self, figures: Figures) -> Sequence[str]:
        def median(share: float) -> str:
            return milliseconds(statistics.median(outcome.percentile(share) for outcome in self.outcomes))

        name = self.store.name
        rate = figure(statistics.median(figures[name]))
        against = figure(ratio(figures, "LogLeap", name))
        return name, against, rate, median(0.5), median(0.99), self.store.durability


def _played(match: Match, iterations: Iterations) -> Findings:
    matched = {
        store.name: store for store in stores.STORES if store.name in ("LogLeap", *match.aims, *match.beside)
    }
    with stores.started(list(matched.values())) as servers:
        sides = {name: _Side(matched[name], server.port, match) for name, server in servers.items()}
        for side in sides.values():
            side.fill(0.3)  # to warm up
            side.outcomes.clear()
        seconds = 2 * iterations.seconds
        turns = {name: lambda side=side: side.fill(seconds) for name, side in sides.items()}
        figures = interleaved(iterations.rounds, turns)
    targets: list[Target] = []
    many = f"{match.entries:,} {'entries' if match.entries > 1 else 'entry'}"
    for name, aim in match.aims.items():
        what = f"`local`, {many} a call over HTTP, against {name}"
        if name in sides:
            targets.append(at_least(what, ratio(figures, "LogLeap", name), aim, unit=" ×"))
        else:
            targets.append(skipped(what, f"≥ {aim:g} ×", matched[name].missing() or ""))
    header = ("", "LogLeap / it", "entries/s", "p50", "p99", "durability")
    title = f"Entries stored a second, {many} a call, {match.clients} clients"
    return Findings(targets, [Table(title, header, [side.row(figures) for side in sides.values()])])
