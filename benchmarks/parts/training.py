"""What a task reads per second: rows, columns, Arrow record batches."""

from collections.abc import Callable
from functools import partial
from itertools import repeat
from operator import contains
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import pyarrow.compute as pc

from benchmarks import payloads, system_under_test
from benchmarks.interleaving import interleaved, ratio, seconds_of
from benchmarks.iterations import Iterations
from benchmarks.report.results import Findings, Table, at_least, figure
from logleap.arrow import record_batches
from logleap.ports.task import TrainingSet

_ENTRIES = 1_000  # a call
_AIM = 5.0
_WORD = "gateway"

Task = Callable[[TrainingSet], int]


def _by_rows(training_set: TrainingSet) -> int:
    return sum(_WORD in row.entry.message for row in training_set.rows())


def _by_columns(training_set: TrainingSet) -> int:
    return sum(sum(map(contains, entries.messages, repeat(_WORD))) for entries in training_set.columns())


def _by_record_batches(training_set: TrainingSet) -> int:
    found = (pc.match_substring(batch.column("message"), _WORD) for batch in record_batches(training_set))
    return sum(column.true_count for column in found)


TASKS = {"rows()": _by_rows, "columns()": _by_columns, "record_batches()": _by_record_batches}


def run(iterations: Iterations) -> Findings:
    """One process, backend `local`, one thread (but for Arrow's own)."""
    entries = min(iterations.many_entries // 25, 400_000)
    with TemporaryDirectory() as folder, system_under_test.local_backend(Path(folder)) as backend:
        dataset = system_under_test.announced(backend)
        for first in range(0, entries, _ENTRIES):
            body = payloads.json_array(payloads.lines(_ENTRIES, first=first))
            system_under_test.append(backend, dataset, system_under_test.decode(body))
        training_set = system_under_test.training_set(backend, dataset, entries)
        answers = {task(training_set) for task in TASKS.values()}
        if len(answers) != 1:
            raise ValueError(f"the tasks have found {answers}")
        sides = {name: seconds_of(partial(task, training_set), 1) for name, task in TASKS.items()}
        figures = interleaved(2 * iterations.rounds, sides)
    share = ratio(figures, "rows()", "columns()")
    target = at_least("a task over `columns()`, entries per second against one over `rows()`", share, _AIM)
    rows = [
        (
            f"`{name}`",
            f"{median(figures[name]) / entries * 1e6:.2f}",
            figure(ratio(figures, "rows()", name)),
        )
        for name in TASKS
    ]
    note = (
        f"A task that counts the messages with a word in them, over {entries:,} entries in batches of "
        f"{_ENTRIES:,}, with backend `local`, in one thread but for Arrow's own search."
    )
    header = ("a task over", "µs per entry", "times as fast as `rows()`")
    return Findings([target], [Table("What a task reads", header, rows, note)])
