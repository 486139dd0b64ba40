"""The log model: how well and how fast templates are mined, beside other miners in the same run.

Logs that people wrote are not part of LogLeap: `LOGHUB` names a folder with logs of the LogHub collection
(`HDFS_2k.log_structured.csv` and so on). Without it, the sample log and generated ones are measured.
"""

import csv
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from benchmarks.compare_cost import ratio
from benchmarks.competitors import programs
from benchmarks.grouping import accuracy
from benchmarks.iterations import Iterations
from benchmarks.log_styles import STYLES, lines
from benchmarks.parts import model_changes
from benchmarks.report.results import Findings, Table, Target, at_least, at_most, figure, skipped
from logleap.client.sample import sample_log
from logleap.domain.entries import Entries
from logleap.miner.match import Matcher
from logleap.miner.model import LogModel
from logleap.miner.text.mask import BUILT_IN, Masks
from logleap.miner.train import Limits, train

_BLOCK = 20_000  # entries
_SMALL = 50_000
_LARGE = 4_000_000
_COMPARED = 250_000  # entries that another miner gets, beside _SMALL
_MEMORY = 256  # MiB
_WORDS = 3_000

Log = tuple[list[str], Sequence[object]]


def run(iterations: Iterations) -> Findings:
    """All times are CPU time of one process."""
    logs = _collected()
    large = min(_LARGE, iterations.many_entries)
    targets, tables = [], []
    for found, table in (
        _quality(logs),
        _speed(logs, large),
        _unmergeable(logs, min(300_000, large)),
        _memory(iterations.many_entries),
    ):
        targets += found
        tables += table
    changes = model_changes.run(iterations)
    return Findings([*targets, *changes.targets], [*tables, *changes.tables])


def trained(blocks: "_Blocks", *, compiled: bool = True) -> LogModel:
    """The model of these entries."""
    limits = Limits(compiled=compiled)
    return train(blocks, masks=Masks(), open_file=tempfile.TemporaryFile, limits=limits)


class _Blocks:
    """So many entries, a hundredth of a second apart: the messages again and again."""

    def __init__(self, messages: Sequence[str], entries: int) -> None:
        self._messages = messages
        self._entries = entries

    def __iter__(self) -> Iterator[Entries]:
        pool = len(self._messages)
        for start in range(0, self._entries, _BLOCK):
            part = [self._messages[at % pool] for at in range(start, min(start + _BLOCK, self._entries))]
            times = array("q", range(start * 10_000, (start + len(part)) * 10_000, 10_000))
            yield Entries(times, part, [None] * len(part))


def _collected() -> dict[str, Log]:
    found: dict[str, Log] = {}
    folder = os.environ.get("LOGHUB")
    for path in sorted(Path(folder).glob("*_structured.csv")) if folder else ():
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        name = path.name.partition("_")[0]
        found[name] = [row["Content"] for row in rows], [row["EventId"] for row in rows]
    return found


def _quality(logs: dict[str, Log]) -> tuple[list[Target], list[Table]]:
    generated: dict[str, Log] = {style: lines(style) for style in STYLES}
    sides: dict[str, Callable[[list[str]], list[object]]] = {"LogLeap": _own_groups}
    for miner in ("drain3", "tipping"):
        if programs.python_ready():
            sides[miner] = partial(_others_groups, miner, "")
            sides[f"{miner}, masked"] = partial(_others_groups, miner, BUILT_IN)
    rows, means = [], {}
    for kind, of_kind in (("collected", logs), ("generated", generated)):
        found = {
            name: [accuracy(groups(messages), events) for messages, events in of_kind.values()]
            for name, groups in sides.items()
        }
        for at, log in enumerate(of_kind):
            rows.append((f"{log} ({kind})", *(f"{found[name][at]:.3f}" for name in sides)))
        if of_kind:
            means[kind] = {name: statistics.mean(values) for name, values in found.items()}
            rows.append((f"mean of {len(of_kind)} {kind}", *(f"{means[kind][name]:.3f}" for name in sides)))
    name = "grouping accuracy, mean of the collected logs"
    targets = [skipped(name, "≥ 0.9", "`LOGHUB` names no folder with logs")]
    if logs:
        others = [f"{other} {mean:.3f}" for other, mean in means["collected"].items() if other != "LogLeap"]
        targets = [at_least(name, means["collected"]["LogLeap"], 0.9, ", ".join(others))]
    note = "Share of the lines whose group is exactly that of their event; one mask set, no setting per log."
    return targets, [Table("Grouping accuracy", ("log", *sides), rows, note)]


def _own_groups(messages: list[str]) -> list[object]:
    none: list[str | None] = [None] * len(messages)
    return list(Matcher(trained(_Blocks(messages, len(messages))), Masks()).templates(messages, none))


def _others_groups(miner: str, mask: str, messages: list[str]) -> list[object]:
    return _other(miner, mask, messages)[1]


def _other(miner: str, mask: str, messages: list[str]) -> tuple[float, list[object]]:
    """CPU seconds and groups of another miner, in its own environment. A line without a group has its own."""
    answer = subprocess.run(
        [str(programs.PYTHON), str(programs.HERE / "miners.py"), miner, mask],
        input=json.dumps(messages) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, groups = json.loads(answer.stdout)
    return seconds, [f"line {at}" if group is None else group for at, group in enumerate(groups)]


def _mixed(logs: dict[str, Log]) -> tuple[list[str], list[str]]:
    """All messages mixed: as they are, and with other digits each of twenty times."""
    sample = [
        line.split(" ", 3)[-1] for line in sample_log().read_text("utf-8").splitlines() if line[:2] == "20"
    ]
    mixed = [*sample, *(message for messages, _ in logs.values() for message in messages)]
    order = random.Random(1)
    order.shuffle(mixed)
    changed = [message.translate(_digits(order)) for _ in range(20) for message in mixed]
    return mixed, changed


def _speed(logs: dict[str, Log], large: int) -> tuple[list[Target], list[Table]]:
    mixed, changed = _mixed(logs)
    targets, rows = [], []
    for name, pool, aim, plain_aim in (
        ("as they are, repeated", mixed, 8.0, 3.0),
        ("with other digits each time", changed, 8.0, 0.0),
    ):
        own = _per_entry(partial(_cpu, pool), large)
        plain = _per_entry(partial(_cpu, pool, compiled=False), large)
        row = [name, f"{own * 1e6:.2f} µs", f"{plain * 1e6:.2f} µs"]
        what = f"training on messages {name}, entries per second against drain3-improved with the same mask"
        if programs.python_ready():
            other = _per_entry(partial(_drain3, pool), _COMPARED)
            row += [f"{other * 1e6:.2f} µs", f"{other / own:.1f}", f"{other / plain:.1f}"]
            targets.append(at_least(what, other / own, aim, unit=" ×"))
            if plain_aim:
                targets.append(at_least(f"{what}, not compiled", other / plain, plain_aim, unit=" ×"))
        else:
            row += ["–"] * 3
            targets.append(skipped(what, f"≥ {aim:g} ×", "it is not there"))
        rows.append(row)
    targets.append(
        at_most(
            f"training {large // 4:,} entries with a baseline, changes and examples, against without",
            statistics.median(ratio(mixed, large // 4) for _ in range(3)),
            1.5,
            unit=" ×",
        )
    )
    header = (
        "messages",
        "LogLeap, per entry",
        "not compiled",
        "drain3-improved, same mask",
        "ratio",
        "ratio, not compiled",
    )
    note = f"CPU time per entry between {_SMALL:,} and {large:,} entries ({_COMPARED:,} for the other miner)."
    return targets, [Table("Training speed", header, rows, note)]


def _digits(order: random.Random) -> dict[int, str]:
    digits = list("0123456789")
    order.shuffle(digits)
    return {ord("0") + at: digit for at, digit in enumerate(digits)}


def _drain3(pool: Sequence[str], entries: int) -> float:
    return _other("drain3", BUILT_IN, [pool[at % len(pool)] for at in range(entries)])[0]


def _per_entry(seconds: Callable[[int], float], large: int) -> float:
    return (seconds(large) - seconds(_SMALL)) / (large - _SMALL)


def _cpu(pool: Sequence[str], entries: int, *, compiled: bool = True) -> float:
    blocks = _Blocks(pool, entries)
    start = time.process_time()
    trained(blocks, compiled=compiled)
    return time.process_time() - start


def _unmergeable(logs: dict[str, Log], entries: int) -> tuple[list[Target], list[Table]]:
    _, changed = _mixed(logs)
    words = f"{entries:,} distinct messages of eight random words"
    targets, rows = [], []
    few = entries // 4
    pool, fewer = _worded(entries), _worded(few)
    for name, compiled, rounds in (("compiled", True, 5), ("not compiled", False, 3)):
        measured = [
            (
                _per_entry(partial(_cpu, changed, compiled=compiled), max(entries, 2 * _SMALL)),
                _cpu(fewer, few, compiled=compiled) / few,
                _cpu(pool, entries, compiled=compiled) / entries,
            )
            for _ in range(rounds)
        ]
        rate = statistics.median(usual / distinct for usual, _, distinct in measured)
        targets.append(at_least(f"rate with {words}, against mixed logs, {name}", rate, 0.25))
        if compiled:
            grown = statistics.median(less / distinct for _, less, distinct in measured)
            targets.append(at_least(f"rate with {words}, against {few:,} of them", grown, 0.7))
        medians = [statistics.median(column) for column in zip(*measured, strict=True)]
        rows.append((name, *(f"{seconds * 1e6:.1f} µs" for seconds in medians)))
    header = ("", "mixed logs, per entry", f"{few:,} distinct", f"{entries:,} distinct")
    return targets, [Table("Messages that do not repeat", header, rows, "CPU time per entry.")]


def _worded(distinct: int) -> list[str]:
    order = random.Random(2)
    words = ["".join(order.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(_WORDS)]
    return [" ".join(order.choices(words, k=8)) for _ in range(distinct)]


class _Named:
    """So many entries, of a million masked messages."""

    def __init__(self, entries: int, distinct: int) -> None:
        self._entries, self._distinct = entries, distinct

    def __iter__(self) -> Iterator[Entries]:
        order = random.Random(3)
        words = ["".join(order.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(_WORDS)]
        for start in range(0, self._entries, _BLOCK):
            numbers = [at % self._distinct for at in range(start, min(start + _BLOCK, self._entries))]
            messages = [
                f"job {words[n % _WORDS]} of {words[n // _WORDS % _WORDS]} took {n % 977} ms on host{n % 7}"
                for n in numbers
            ]
            times = array("q", range(start * 10_000, (start + len(messages)) * 10_000, 10_000))
            yield Entries(times, messages, [None] * len(messages))


def _memory(entries: int) -> tuple[list[Target], list[Table]]:
    distinct = entries // 10
    with get_context("spawn").Pool(1) as pool:
        growth = pool.apply(_growth, (entries, distinct))
    name = f"memory of training on {entries:,} entries with {distinct:,} distinct masked messages"
    return [at_most(name, growth, _MEMORY, unit=" MiB")], []


def _growth(entries: int, distinct: int) -> float:
    source = _Named(entries, distinct)
    for _, _ in zip(source, range(3), strict=False):
        pass
    before = _peak()
    train(source, masks=Masks(), open_file=tempfile.TemporaryFile)
    return _peak() - before


def _peak() -> float:
    """The most memory that this process had, in MiB. (What getrusage tells begins with its parent's.)"""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    print(figure(_growth(*map(int, sys.argv[1:]))))
