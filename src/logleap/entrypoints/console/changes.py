"""The changes of a run, and the templates of its log model, as pages show them: read from its artifacts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, cast

import msgspec

from logleap.codecs.compression import unzstd
from logleap.domain.errors import ArtifactNotFound
from logleap.domain.log_models import CHANGES_FILE, MODEL_FILE
from logleap.entrypoints.console import charts
from logleap.entrypoints.console.formats import number
from logleap.entrypoints.console.recent import Recent
from logleap.ports.artifacts import Blob
from logleap.usecases.artifacts import ShowArtifacts

_PIECE = 1 << 18  # bytes

Figure = int | str


class Reference(msgspec.Struct, rename="camel"):
    """Where an entry is."""

    batch_id: str
    sequence: int


class Example(msgspec.Struct):
    """An entry that shows a change; `entry` is None where it is the baseline's."""

    timestamp: int
    message: str
    entry: Reference | None

    @property
    def at(self) -> datetime:
        """Its time."""
        return charts.time_of(self.timestamp)

    @property
    def just_after(self) -> datetime:
        """The next time there is."""
        return charts.time_of(self.timestamp + 1)


class Change(msgspec.Struct):
    """One change; `docs/log-model.md` says what its figures are."""

    kind: str
    score: str
    sentence: str
    numbers: dict[str, Figure]
    template: str | None
    text: str | None
    severity: str | None
    first: int | None
    examples: list[Example]

    @property
    def seen(self) -> datetime | None:
        """When it was first seen."""
        return charts.time_of(self.first) if self.first is not None else None


class Side(msgspec.Struct):
    """One of the two sets."""

    entries: int


class Changes(msgspec.Struct, rename="camel"):
    """What is different since the baseline, most surprising first."""

    baseline: Side
    current: Side
    changes: list[Change]
    before_first_error: list[int]
    counts: dict[str, int]
    first_error: int | None
    ignored: list[str]


class Windows(msgspec.Struct):
    """The windows of time that the entries of templates are counted in; times in microseconds."""

    start: int
    width: int
    count: int


class Template(msgspec.Struct):
    """Messages that are alike but for the variable positions."""

    id: str
    severity: str | None
    text: str
    count: int
    windows: list[tuple[int, int]]

    @property
    def literal(self) -> str:
        """The longest part of its text that each of its messages contains."""
        return max(self.text.split("<*>"), key=len).strip()[:80]


class Model(msgspec.Struct):
    """A log model, as far as it is shown: templates in the order of their entries, most first."""

    entries: int
    windows: Windows
    templates: list[msgspec.Raw]

    def page(self, first: int, most: int) -> Sequence[Template]:
        """At most so many of its templates. Only these are decoded: there may be thousands."""
        return [_TEMPLATE.decode(raw) for raw in self.templates[first : first + most]]


Document = TypeVar("Document", Changes, Model)

_CHANGES = msgspec.json.Decoder(Changes)
_MODEL = msgspec.json.Decoder(Model)
_TEMPLATE = msgspec.json.Decoder(Template)

_KEPT = 8  # documents
_KEPT_BYTES = 8 << 20  # of each, plain


class ReadChanges:
    """Reads what runs of the task `log-model` have saved.

    The documents read last are kept: what a run has saved never changes. Who may see it is asked each time.
    """

    def __init__(self, artifacts: ShowArtifacts) -> None:
        self._artifacts = artifacts
        self._recent = Recent[Blob, Changes | Model](_KEPT)

    def changes(self, owner: str, dataset_id: str, run_id: str) -> Changes | None:
        """Those of the run; None of one without a baseline. Raises as ShowArtifacts does."""
        return self._read(_CHANGES, owner, dataset_id, run_id, CHANGES_FILE)

    def model(self, owner: str, dataset_id: str, run_id: str) -> Model | None:
        """The log model of the run; None if it has none."""
        return self._read(_MODEL, owner, dataset_id, run_id, MODEL_FILE)

    def _read(
        self, decoder: "msgspec.json.Decoder[Document]", owner: str, dataset_id: str, run_id: str, name: str
    ) -> Document | None:
        try:
            stored = self._artifacts.find(owner, dataset_id, name, run_id)
        except ArtifactNotFound:
            return None
        held = self._recent.find(stored.blob)
        if held is not None:
            return cast("Document", held)
        with self._artifacts.open(owner, stored) as file:
            pieces: Iterable[bytes] = iter(lambda: file.read(_PIECE), b"")
            if stored.artifact.coding is not None:
                pieces = unzstd(pieces)
            found = decoder.decode(b"".join(pieces))
        if stored.artifact.size <= _KEPT_BYTES:
            self._recent.keep(stored.blob, found)
        return found


@dataclass(frozen=True, slots=True)
class Comparison:
    """Before and after of a change: as a chart, and in words. `pair` is None where `extents` are drawn."""

    before: str
    after: str
    pair: charts.Pair | None = None
    extents: Sequence[charts.Extent] | None = None
    expected: str | None = None


def comparison(change: Change) -> Comparison:
    """What there was before, and what there is now."""
    numbers = change.numbers
    if change.kind == "value" and "baselineMinimum" in numbers and "minimum" in numbers:
        unit = f" {numbers['unit']}" if numbers.get("unit") else ""
        sides = []
        for side in ("baselineM", "m"):
            low = numbers[f"{side}inimum"]
            sides.append((low, numbers.get(f"{side}edian", low), numbers[f"{side}aximum"]))
        before, after = (f"{low} to {high}{unit}" for low, _, high in sides)
        drawn = charts.extents(*((float(low), float(middle), float(high)) for low, middle, high in sides))
        return Comparison(before, after, extents=drawn)
    if change.kind == "value" and "unseen" in numbers:
        unseen = int(numbers["unseen"])
        return Comparison("none", entries(unseen), charts.pair(0, unseen))
    if change.kind == "severity":
        shares = [
            100 * float(numbers[part]) / max(float(numbers[whole]), 1)
            for part, whole in (("before", "baselineEntries"), ("after", "entries"))
        ]
        before, after = (f"{number(share, 2)} % of the entries" for share in shares)
        return Comparison(before, after, charts.pair(shares[0], shares[1]))
    old, new = int(numbers["before"]), int(numbers["after"])
    expected = numbers.get("expected")
    return Comparison(
        entries(old),
        entries(new),
        charts.pair(old, new, float(expected) if expected is not None else None),
        expected=entries(round(float(expected))) if expected is not None else None,
    )


def entries(count: int) -> str:
    """How many, as the visitor's language writes numbers."""
    return f"{number(count)} {'entry' if count == 1 else 'entries'}"


def result_lines(result: Mapping[str, Any]) -> Sequence[tuple[str, object]]:
    """The members of a run's result that are one number or one text: what can be shown in a line."""
    return [(name, value) for name, value in result.items() if isinstance(value, int | float | str)]
