"""What clients did and what they were told, what the trainings then read, and whether the two agree.

A client writes each call down before it sends it, as `UNKNOWN`, and then what came of it. Each entry carries
its place in its message, so that a reading tells of every entry where it came from.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from threading import Lock
from typing import Literal


class Answer(Enum):
    """What the client knows: it is in; it certainly is not; or no answer came."""

    OK = "ok"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Operation:
    """A call. An append's `key` names its body too: calls of one key send the same `size` entries."""

    kind: Literal["announce", "append", "train", "cancel", "archive", "delete"]
    owner: str
    data_id: str
    key: str
    size: int = 0
    answer: Answer = Answer.UNKNOWN
    run_id: str | None = None
    batch_id: str | None = None


@dataclass(frozen=True, slots=True)
class RunFound:
    """A run as it was found at the end.

    `starts` and `ends` are how often the data set's log says that it started and that it ended;
    `count` is the number that the task counted, `messages` are all that it read (None: it has no result).
    """

    owner: str
    data_id: str
    run_id: str
    starts: int
    ends: int
    finished: bool
    entries: int
    count: int | None = None
    messages: Sequence[str] | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class DatasetFound:
    """A data set as it was found at the end.

    `messages` are what the store, or the archive, holds of it for a training (None: it is gone); `remains`
    tells what of it should no longer be there, or not any more be so: a sentence each.
    """

    data_id: str
    there: bool
    archived: bool = False
    messages: Sequence[str] | None = None
    remains: Sequence[str] = ()


def message(key: str, index: int) -> str:
    """The message of a batch's entry number `index`."""
    return f"{key}#{index}"


@dataclass(slots=True)
class Findings:
    """How the promise was broken, a sentence each: nothing in here, and it was kept."""

    lost: list[str] = field(default_factory=list)  # acknowledged, and not in the training set
    doubled: list[str] = field(default_factory=list)  # more than once in it
    partial: list[str] = field(default_factory=list)  # of a batch without an answer, some but not all in it
    phantom: list[str] = field(default_factory=list)  # in it, though refused or never sent
    foreign: list[str] = field(default_factory=list)  # another owner's or another data set's
    runs: list[str] = field(default_factory=list)  # more than one run a start, or not one end a run
    left: list[str] = field(default_factory=list)  # archiving or deleting that was not brought to its end
    events: list[str] = field(default_factory=list)  # lost, in another order, or doubled under another id

    def all(self) -> Mapping[str, list[str]]:
        """The sentences by kind."""
        return {
            "lost": self.lost,
            "doubled": self.doubled,
            "partial": self.partial,
            "phantom": self.phantom,
            "foreign": self.foreign,
            "runs": self.runs,
            "left": self.left,
            "events": self.events,
        }

    @property
    def kinds(self) -> set[str]:
        """The kinds that occurred: empty if the promise was kept."""
        return {kind for kind, sentences in self.all().items() if sentences}

    def __str__(self) -> str:
        numbers = ", ".join(f"{kind} {len(sentences)}" for kind, sentences in self.all().items())
        first = [f"  {kind}: {sentence}" for kind, each in self.all().items() for sentence in each[:5]]
        return "\n".join([numbers, *first])


class History:
    """The calls of any number of clients, in the order of their sending."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.operations: list[Operation] = []

    def begin(self, operation: Operation) -> Operation:
        """Note a call before it is sent. Its answer is set on what is returned."""
        with self._lock:
            self.operations.append(operation)
        return operation

    def add(self, *operations: Operation) -> "History":
        """Note calls that are over."""
        with self._lock:
            self.operations.extend(operations)
        return self

    def owns(self, owner: str, data_id: str) -> bool:
        """Whether a data set was announced by `owner`."""
        return any(one.data_id == data_id and one.owner == owner for one in self._of("announce"))

    def tally(self) -> Counter[str]:
        """How many appends (by key) had which answer, how many entries were acknowledged, how many starts."""
        tally: Counter[str] = Counter()
        for batch in self.batches():
            tally[f"batches {batch.answer.value}"] += 1
            tally["entries acknowledged"] += batch.size if batch.answer is Answer.OK else 0
        for operation in self._of("train"):
            tally[f"starts {operation.answer.value}"] += 1
        for kind, plural in (("cancel", "cancels"), ("archive", "archivings"), ("delete", "deletions")):
            tally.update(f"{plural} {operation.answer.value}" for operation in self._of(kind))
        tally["data sets"] = sum(one.answer is Answer.OK for one in self._of("announce"))
        return tally

    def batches(self) -> Sequence[Operation]:
        """One append for each key, with what its calls together tell.

        One that was acknowledged is in. Else the last call decides: a refusal after a call without an answer
        says that the earlier one is not in either, but not the other way round.
        """
        merged: dict[str, Operation] = {}
        for operation in self._of("append"):
            earlier = merged.get(operation.key)
            if earlier is None or earlier.answer is not Answer.OK:
                merged[operation.key] = operation
        return list(merged.values())

    def batches_of(self, data_id: str) -> Sequence[Operation]:
        """The same of one data set."""
        return [batch for batch in self.batches() if batch.data_id == data_id]

    def check(self, found: Iterable[RunFound], datasets: Iterable[DatasetFound] = ()) -> Findings:
        """Compare with what was found. Without `datasets`, only what the runs have read is compared."""
        findings = Findings()
        owners = {one.data_id: one.owner for one in self._of("announce") if one.answer is Answer.OK}
        batches = {batch.key: batch for batch in self.batches()}
        gone: set[str] = set()
        for dataset in datasets:
            self._check_end(findings, dataset, owners)
            if dataset.messages is not None:
                place = f"data set {dataset.data_id}, at the end"
                _check_reading(findings, place, dataset.data_id, dataset.messages, batches, owners)
            if not dataset.there:
                gone.add(dataset.data_id)
        of_dataset: dict[str, list[RunFound]] = defaultdict(list)
        for run in found:
            of_dataset[run.data_id].append(run)
            if run.messages is not None:
                _check_reading(findings, _place(run), run.data_id, run.messages, batches, owners)
                _check_number(findings, run, run.messages)
        for data_id, runs in of_dataset.items():
            _check_same(findings, data_id, runs)
        self._check_answers(findings, owners)
        self._check_starts(findings, of_dataset, gone)
        return findings

    def _of(self, *kinds: str) -> Iterator[Operation]:
        with self._lock:
            operations = list(self.operations)
        return (operation for operation in operations if operation.kind in kinds)

    def _check_answers(self, findings: Findings, owners: Mapping[str, str]) -> None:
        acknowledged: set[str] = set()
        deleted = {one.data_id for one in self._of("delete") if one.answer is not Answer.REFUSED}
        for operation in self._of("append", "archive", "delete"):
            place = f"data set {operation.data_id}, {operation.kind} {operation.key!r}"
            if operation.answer is Answer.OK:
                acknowledged.add(operation.key)
                if owners.get(operation.data_id, operation.owner) != operation.owner:
                    findings.foreign.append(f"{place}: {operation.owner!r} was let in")
            elif (
                operation.kind == "append"
                and operation.answer is Answer.REFUSED
                and operation.key in acknowledged
                and operation.data_id not in deleted
            ):
                findings.lost.append(f"{place}: acknowledged, and refused when it was repeated")

    def _check_end(self, findings: Findings, dataset: DatasetFound, owners: Mapping[str, str]) -> None:
        place = f"data set {dataset.data_id}"
        findings.left += [f"{place}: {what}" for what in dataset.remains]
        calls = [
            one
            for one in self._of("archive", "delete")
            if one.data_id == dataset.data_id and one.owner == owners.get(one.data_id)
        ]
        answers = {kind: {one.answer for one in calls if one.kind == kind} for kind in ("archive", "delete")}
        if not dataset.there and not answers["delete"] - {Answer.REFUSED}:
            findings.lost.append(f"{place} is gone, and its owner did not delete it")
        if dataset.there and Answer.OK in answers["delete"]:
            findings.left.append(f"{place} was deleted, and is there")
        if dataset.there and Answer.OK in answers["archive"] and not dataset.archived:
            findings.left.append(f"{place} was archived, and has no archive")

    def _check_starts(
        self, findings: Findings, of_dataset: Mapping[str, Sequence[RunFound]], gone: set[str]
    ) -> None:
        sent: dict[str, set[str]] = defaultdict(set)
        answered: dict[tuple[str, str], set[str]] = defaultdict(set)
        for start in self._of("train"):
            if start.answer is not Answer.REFUSED:
                sent[start.data_id].add(start.key)
            if start.answer is Answer.OK and start.run_id is not None:
                answered[start.data_id, start.key].add(start.run_id)
        for (data_id, key), run_ids in answered.items():
            if len(run_ids) > 1:
                findings.runs.append(
                    f"data set {data_id}: start {key!r} was answered by runs {sorted(run_ids)}"
                )
            there = {run.run_id for run in of_dataset.get(data_id, ())}
            for missing in run_ids - there if data_id not in gone else ():
                findings.runs.append(f"data set {data_id}: run {missing} of start {key!r} is not there")
        for data_id, runs in of_dataset.items():
            if len(runs) > len(sent[data_id]):
                findings.runs.append(f"data set {data_id}: {len(runs)} runs from {len(sent[data_id])} starts")
            for run in runs:
                _check_run(findings, run)
        cancelled = {one.run_id for one in self._of("cancel") if one.answer is Answer.OK}
        for run in (run for runs in of_dataset.values() for run in runs if run.run_id in cancelled):
            if run.messages is not None or not (run.error or "").startswith("CANCELLED"):
                findings.runs.append(f"{_place(run)}: was cancelled, and ended otherwise: {run.error}")


def _check_reading(  # noqa: PLR0917
    findings: Findings,
    where: str,
    data_id: str,
    messages: Sequence[str],
    batches: Mapping[str, Operation],
    owners: Mapping[str, str],
) -> None:
    read: dict[str, set[int]] = defaultdict(set)
    for text, times in Counter(messages).items():
        key, _, index = text.rpartition("#")
        batch = batches.get(key)
        if batch is None or not index.isdigit() or int(index) >= batch.size:
            findings.phantom.append(f"{where}: entry {text!r} was never sent")
            continue
        if batch.data_id != data_id or batch.owner != owners.get(data_id, batch.owner):
            findings.foreign.append(f"{where}: entry {text!r} is of {batch.owner!r}, {batch.data_id}")
            continue
        if times > 1:
            findings.doubled.append(f"{where}: entry {text!r} is there {times} times")
        read[key].add(int(index))
    for key, batch in batches.items():
        if batch.data_id != data_id:
            continue
        there = len(read.get(key, ()))
        place = f"{where}: batch {key!r}, {there} of {batch.size} entries"
        if batch.answer is Answer.OK and there < batch.size:
            findings.lost.append(f"{place}, though acknowledged")
        elif batch.answer is Answer.REFUSED and there:
            findings.phantom.append(f"{place}, though refused")
        elif batch.answer is Answer.UNKNOWN and 0 < there < batch.size:
            findings.partial.append(place)


def _check_number(findings: Findings, run: RunFound, messages: Sequence[str]) -> None:
    if not len(messages) == run.count == run.entries:
        findings.runs.append(
            f"{_place(run)}: started on {run.entries} entries, counted {run.count}, read {len(messages)}"
        )


def _place(run: RunFound) -> str:
    return f"run {run.run_id} of data set {run.data_id}"


def _check_run(findings: Findings, run: RunFound) -> None:
    where = _place(run)
    if run.starts != 1:
        findings.runs.append(f"{where}: started {run.starts} times")
    if not run.finished:
        findings.runs.append(f"{where}: has not ended")
    if run.ends != int(run.finished):
        findings.runs.append(f"{where}: ended {run.ends} times")
    if run.error is not None and run.error.startswith("COUNT_MISMATCH"):
        kind = findings.doubled if "too many" in run.error else findings.lost
        kind.append(f"{where}: {run.error}")
    if run.error is not None and run.error.startswith("ARCHIVE_DAMAGED"):
        findings.lost.append(f"{where}: {run.error}")


def _check_same(findings: Findings, data_id: str, runs: Sequence[RunFound]) -> None:
    readings = {tuple(sorted(run.messages)) for run in runs if run.messages is not None}
    if len(readings) > 1:
        findings.runs.append(f"data set {data_id}: its runs did not all read the same")
