"""What a comparison found: the changes, and their canonical JSON both ways.

Canonical as the log model's is (`logleap.miner.model`); the JSON Schema is beside this file:
`changes.schema.json`. Figures that are not whole numbers are decimal text.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from logleap.miner.compare.thresholds import Thresholds
from logleap.miner.errors import ModelDamaged, ModelError, ModelTooNew

FORMAT = "logleap-changes"
VERSION = 1
KINDS = ("new", "gone", "shifted", "value", "severity")


def schema() -> str:
    """The JSON Schema of changes, as text."""
    return Path(__file__).with_name("changes.schema.json").read_text("utf-8")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two sets: its log model's digest, its entries and their span (microseconds since 1970)."""

    digest: str
    entries: int
    first: int | None
    last: int | None


@dataclass(frozen=True, slots=True)
class Reference:
    """Where an entry is."""

    batch_id: str
    sequence: int


@dataclass(frozen=True, slots=True)
class ExampleEntry:
    """An entry that shows a change. `entry` is None until the entries are read for it (`find`)."""

    timestamp: int
    message: str
    entry: Reference | None = None


@dataclass(frozen=True, slots=True)
class Where:
    """What the value at a position must be for an entry to show the change: all that is given.

    Not among `known`; a number of `unit` above `above` or below `below`.
    """

    position: int
    known: tuple[str, ...] | None = None
    unit: str | None = None
    above: str | None = None
    below: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One change.

    `template`, `text` and `severity` are None where it is not of one template (`severity` changes: there
    `severity` is the least one counted). `numbers` is what the change rests on, by name: `before` and
    `after` always, the entries of both sets that it is about; `docs/log-model.md` lists the others by kind.
    `first` is when it was first seen in the current entries (of `gone`: from when on the message is
    missing, their beginning; of `shifted` and `severity`: the start of the window from which on the counts
    deviate; of `value`: None until the entries are read for it).
    """

    kind: str
    score: str
    sentence: str
    numbers: Mapping[str, int | str]
    template: str | None = None
    text: str | None = None
    severity: str | None = None
    first: int | None = None
    where: Where | None = None
    examples: tuple[ExampleEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """Of a current set of entries since its baseline, most surprising first.

    `size` is how many times as large as the baseline the current set counts, as decimal text; `size_by` says
    by what: `templates` (the median of the ratios of the templates that both have), or `entries`.
    `counts` is the number of changes of each kind, also of those that are too many to be listed.
    `first_error` is the time of the first error of a template that is new or more frequent, else of any.
    """

    baseline: Side
    current: Side
    size: str
    size_by: str
    changes: tuple[Change, ...] = ()
    counts: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    first_error: int | None = None
    ignored: tuple[str, ...] = ()
    thresholds: Thresholds = field(default_factory=Thresholds)

    @property
    def before_first_error(self) -> tuple[Change, ...]:
        """The changes seen until the first error, that one included, in the order of time: where to look for
        the cause. Without an error: none.
        """
        return tuple(self.changes[at] for at in self._before_first_error())

    def _before_first_error(self) -> list[int]:
        if self.first_error is None:
            return []
        return [
            at
            for first, at in sorted(
                (change.first, at) for at, change in enumerate(self.changes) if change.first is not None
            )
            if first <= self.first_error
        ]

    def to_bytes(self) -> bytes:
        """Its canonical JSON."""
        document = {
            "baseline": asdict(self.baseline),
            "beforeFirstError": self._before_first_error(),
            "changes": [_change_json(change) for change in self.changes],
            "counts": dict(self.counts),
            "current": asdict(self.current),
            "firstError": self.first_error,
            "format": FORMAT,
            "ignored": self.ignored,
            "size": self.size,
            "sizeBy": self.size_by,
            "thresholds": {
                _camel(name): value if isinstance(value, int) else f"{value:.12g}"
                for name, value in asdict(self.thresholds).items()
            },
            "version": VERSION,
        }
        return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")

    @classmethod
    def from_json(cls, content: bytes) -> "Changes":
        """The changes that these bytes are.

        Raises ModelTooNew if a later version wrote them, ModelDamaged if they were cut or edited, and
        ModelError if they are something else.
        """
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise ModelDamaged(f"The changes are cut or damaged: they are not JSON ({error}).") from error
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise ModelError(f'These are not changes: the member "format" is not "{FORMAT}".')
        version = document.get("version")
        if isinstance(version, int) and version > VERSION:
            raise ModelTooNew(
                f"The changes have version {version}; this LogLeap reads version {VERSION}. Update LogLeap."
            )
        try:
            found = _changes_of(document)
            whole = found.to_bytes() == content
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelDamaged(
                f"The changes are damaged: a member is missing or wrong ({error!r})."
            ) from error
        if not whole:
            raise ModelDamaged("The changes were edited: their bytes are not the canonical JSON of them.")
        return found


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _change_json(change: Change) -> dict[str, Any]:
    document = {entry.name: getattr(change, entry.name) for entry in fields(Change)}
    document["numbers"] = dict(change.numbers)
    document["where"] = asdict(change.where) if change.where else None
    document["examples"] = [
        {
            "entry": {"batchId": example.entry.batch_id, "sequence": example.entry.sequence}
            if example.entry
            else None,
            "message": example.message,
            "timestamp": example.timestamp,
        }
        for example in change.examples
    ]
    return document


def _changes_of(document: dict[str, Any]) -> Changes:
    return Changes(
        baseline=Side(**document["baseline"]),
        current=Side(**document["current"]),
        size=document["size"],
        size_by=document["sizeBy"],
        changes=tuple(map(_change_of, document["changes"])),
        counts={kind: document["counts"][kind] for kind in KINDS},
        first_error=document["firstError"],
        ignored=tuple(document["ignored"]),
        thresholds=_thresholds_of(document["thresholds"]),
    )


def _thresholds_of(document: dict[str, Any]) -> Thresholds:
    given = {entry.name: document[_camel(entry.name)] for entry in fields(Thresholds)}
    found: dict[str, Any] = {
        name: value if isinstance(value, int) else float(value) for name, value in given.items()
    }
    return Thresholds(**found)


def _change_of(document: dict[str, Any]) -> Change:
    where = document["where"]
    if where is not None:
        known = where["known"]
        where = Where(**{**where, "known": None if known is None else tuple(known)})
    examples = tuple(
        ExampleEntry(
            example["timestamp"],
            example["message"],
            Reference(entry["batchId"], entry["sequence"]) if (entry := example["entry"]) else None,
        )
        for example in document["examples"]
    )
    return Change(**{**document, "where": where, "examples": examples})
