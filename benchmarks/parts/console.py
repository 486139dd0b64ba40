"""The console's pages of a large data set, against the calls of the API that they show; the list of many."""

import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from random import Random

from benchmarks.interleaving import Figures, interleaved, ratio
from benchmarks.iterations import Iterations
from benchmarks.parts.many_datasets import fill
from benchmarks.report.results import Findings, Table, at_most, milliseconds, times
from benchmarks.system_under_test import Web

_SHARE = 1.5
_WEIGHT = 200  # KiB
_FLAT = 1.1
_FEW = 100
_KINDS = 1_200  # of messages, which come to more than 1,000 templates
_MOST = 1_000_000  # entries
_BATCH = 50_000
_QUICK_CALLS = 15  # of which the median counts
_BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
_NDJSON = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class _Page:
    """A page and the calls that it shows: their paths, and what is accepted."""

    name: str
    path: str
    calls: Sequence[tuple[str, str]]
    long: bool = False


def run(iterations: Iterations) -> Findings:
    """In one process, without a server: the time of the thread that answers."""
    entries = min(iterations.many_entries, _MOST)
    outcome = _Outcome()
    with tempfile.TemporaryDirectory(prefix="logleap-bench-") as name:
        with Web(Path(name) / "large") as web:
            templates = _pages(web, entries, iterations.rounds, outcome)
        flat = _lists(Path(name), iterations, outcome)
    worst = max(outcome.shares, key=outcome.shares.__getitem__)
    targets = [
        at_most(
            f"the console's pages of {entries:,} entries, against the calls that they show",
            outcome.shares[worst],
            _SHARE,
            note=f"the most: {worst}",
            unit=" ×",
        ),
        at_most("the heaviest of these pages", outcome.heaviest / 1024, _WEIGHT, unit=" KiB"),
        at_most(
            f"the console's list with {iterations.many_datasets:,} data sets, against {_FEW}",
            flat,
            _FLAT,
            unit=" ×",
        ),
    ]
    header = ("page", "page / calls", "page", "calls", "weight")
    note = (
        f"Time of the thread that answers, for a data set of {entries:,} entries and {templates:,} "
        "templates, and for the calls of the API whose answers the page shows. What a run has saved is "
        "decoded once, and entries are counted once, so these pages are measured with that held."
    )
    return Findings(targets, [Table("Pages of the console", header, outcome.rows, note)])


@dataclass(slots=True)
class _Outcome:
    """What was found of pages: how they compare, the rows of the table, the most bytes."""

    shares: dict[str, float] = field(default_factory=dict)
    rows: list[Sequence[str]] = field(default_factory=list)
    heaviest: int = 0

    def measure(self, web: Web, page: _Page, rounds: int) -> None:
        """A page against its calls."""
        weight = len(web.get(page.path)[1])
        figures = _measured(web, page, rounds)
        share = self.shares[page.name] = ratio(figures, "page", "calls")
        self.heaviest = max(self.heaviest, weight)
        medians = [milliseconds(statistics.median(figures[side])) for side in ("page", "calls")]
        self.rows.append((page.name, times(share), *medians, f"{weight / 1024:.0f} KiB"))


def _pages(web: Web, entries: int, rounds: int, outcome: _Outcome) -> int:
    """Measures all pages of a data set; how many templates it has."""
    before = _uploaded(web, entries // 4, changed=False)
    after = _uploaded(web, entries, changed=True)
    web.trained(before)
    run_id = web.trained(after, baseline=before)
    for page in _kinds(web, after, run_id):
        outcome.measure(web, page, rounds)
    return int(web.json(f"/train/{after}")["result"]["templates"])


def _measured(web: Web, page: _Page, rounds: int) -> Figures:
    repeats = 1 if page.long else _QUICK_CALLS

    def seconds(path: str, accept: str = "*/*") -> float:
        return statistics.median(web.get(path, accept)[0] for _ in range(repeats))

    return interleaved(
        rounds,
        {"page": lambda: seconds(page.path), "calls": lambda: sum(seconds(*call) for call in page.calls)},
    )


def _kinds(web: Web, data_id: str, run_id: str) -> Iterator[_Page]:
    data, train = f"/data/{data_id}", f"/train/{data_id}"
    console, one = f"/console/data/{data_id}", (f"/data/{data_id}", "*/*")
    that_run = (f"{train}/runs/{run_id}", "*/*")
    entries = f"{data}/entries?pageSize=100"
    entry = web.json(f"{data}/entries?pageSize=100")["entries"][50]
    place = f"{entry['batchId']}:{entry['sequence']}"
    yield _Page("data set", console, [one, (f"{train}/runs?pageSize=20", "*/*"), (f"{data}/events", "*/*")])
    yield _Page("report", f"{console}/report", [(f"{data}/report", "*/*")], long=True)
    yield _Page("entries", f"{console}/entries", [one, (entries, "*/*")])
    span = "from=2026-03-02T00:05:00Z&to=2026-03-02T00:10:00Z"
    yield _Page("entries of a time", f"{console}/entries?{span}", [one, (f"{entries}&{span}", "*/*")])
    yield _Page(
        "entries over time",
        f"{console}/entries?count=yes",
        [one, (entries, "*/*"), (f"{data}/entries", _NDJSON)],
        long=True,
    )
    around = f"{data}/entries?around={place}&before=15&after=15"
    yield _Page("entry", f"{console}/entries/{place.replace(':', '/')}", [one, (around, "*/*")])
    saved = f"{train}/artifacts?runId={run_id}", f"{train}/artifacts/changes.json?runId={run_id}"
    yield _Page("run", f"{console}/runs/{run_id}", [one, that_run, *((path, "*/*") for path in saved)])
    model = (f"{train}/artifacts/log-model.json?runId={run_id}", "*/*")
    yield _Page("templates", f"{console}/runs/{run_id}/templates", [one, that_run, model])
    series = ("/data?pageSize=50&name=line", "*/*")
    yield _Page("compare", f"{console}/compare", [one, series])


def _uploaded(web: Web, entries: int, *, changed: bool) -> str:
    data_id = str(web.post("/data", {"name": "line"})["dataId"])
    for first in range(0, entries, _BATCH):
        web.post(f"/data/{data_id}", list(_entries(first, min(_BATCH, entries - first), changed=changed)))
    return data_id


def _entries(first: int, count: int, *, changed: bool) -> Iterator[Mapping[str, str]]:
    """If `changed`, some templates are others, and some are more frequent."""
    for number in range(first, first + count):
        kind = number % _KINDS
        if changed and kind < 40:
            kind += _KINDS if kind < 20 else 20
        at = _BEGIN + timedelta(milliseconds=20 * number)
        before, after = _texts(kind)
        message = f"{before} {number} {after} {number % 37} ms"
        yield {"timestamp": at.isoformat(timespec="milliseconds"), "message": message}


@cache
def _texts(kind: int) -> tuple[str, str]:
    """What is before the number and after it: words of which most messages of a length have others."""
    length, which = kind % 10, kind // 10
    few = [_word(length, which // 4, place) for place in range(length + 2)]
    own = [_word(length, which, place) for place in range(20, 23)]
    level = "ERROR" if kind % 97 == 0 else "INFO"
    return " ".join([level, *few[:2], own[0]]), " ".join([*own[1:], *few[2:]])


def _word(*key: int) -> str:
    chance = Random(repr(key))
    return "".join(chance.choice("bdfgklmnprst") + chance.choice("aeiou") for _ in range(3))


def _lists(folder: Path, iterations: Iterations, outcome: _Outcome) -> float:
    places = {"few": _FEW, "many": iterations.many_datasets}
    for name, datasets in places.items():
        fill(folder / name, datasets)
    with Web(folder / "few") as few, Web(folder / "many") as many:
        page = _Page("list of data sets", "/console", [("/data?pageSize=50", "*/*")])
        outcome.measure(many, page, iterations.rounds)
        sides = {"few": partial(_list_time, few), "many": partial(_list_time, many)}
        return ratio(interleaved(max(iterations.rounds, 9), sides), "many", "few")


def _list_time(web: Web) -> float:
    return statistics.median(web.get("/console")[0] for _ in range(_QUICK_CALLS))
