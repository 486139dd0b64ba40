"""The log model: its parts, and its canonical JSON both ways.

Canonical: keys sorted, no blanks, ASCII alone (other characters escaped), whole numbers or decimal strings,
times as microseconds since 1970 (UTC). So equal models are equal bytes, whatever wrote them. The JSON Schema
is beside this file: `log-model.schema.json`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from logleap.miner.errors import ModelDamaged, ModelError, ModelTooNew, ModelTooOld

FORMAT = "logleap-log-model"

VERSION = 2
"""Of the format and of what the figures mean: it grows when the same entries would give other bytes."""

MEDIA_TYPE = "application/json"

VARIABLE = "<*>"
"""What a template shows where its messages differ."""

SEVERITIES = (
    "trace",
    "debug",
    "info",
    "notice",
    "warning",
    "error",
    "critical",
    "alert",
    "emergency",
)
"""From the least to the most severe."""


def schema() -> str:
    """The JSON Schema of a log model, as text."""
    return Path(__file__).with_name("log-model.schema.json").read_text("utf-8")


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the miner decides by. All are part of the model, since other values give another model."""

    max_tokens: int = 256
    """Of a message: those after them are one variable position."""
    max_templates: int = 20_000
    """Of messages of one length mined at once: above it, those of the fewest distinct messages are joined."""
    mined_messages: int = 100_000
    """Of how many distinct messages of one length templates are mined at once; the rest comes after."""
    exact_values: int = 256
    """Up to how many distinct values a position's are counted exactly. A long value counts for more: one for
    every 1,000 characters."""
    listed_values: int = 20
    """How many of them are listed, most frequent first."""
    held_values: int = 1_000_000
    """Of all positions together: where there are more positions, fewer values of each are counted."""
    windows: int = 60
    """The most windows that the span of the entries is divided into."""
    listed_followers: int = 5
    """How many of the templates that follow a template are listed."""
    follower_templates: int = 500
    """Of how many templates, the most frequent ones, it is known which follow which."""
    example_length: int = 1_000
    """Characters of an example's message; a longer one is cut and ends with "…"."""


@dataclass(frozen=True, slots=True)
class Windows:
    """`count` windows of equal `width`, in microseconds, from `start` on: they hold all entries."""

    start: int
    width: int
    count: int


@dataclass(frozen=True, slots=True)
class Example:
    """One entry of a template."""

    timestamp: int
    message: str


@dataclass(frozen=True, slots=True)
class Follower:
    """A template that comes directly after another one `count` times, in the order of time and id."""

    template: str
    count: int


@dataclass(frozen=True, slots=True)
class Numbers:
    """The values of a position that are numbers of one unit ("" without): how many, and how they lie.

    `minimum`, `maximum`, and the values of the earliest and the latest of the template's examples (`first`,
    `last`; None if they are no such numbers) are exact, as decimal text. `quantiles` maps "0.01", "0.05",
    "0.25", "0.5", "0.75", "0.95", "0.99" to a value at most 1/128 nearer to zero than the exact one.
    """

    unit: str
    count: int
    minimum: str
    maximum: str
    first: str | None
    last: str | None
    quantiles: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Position:
    """One variable position of a template, what `<*>` stands for.

    `types` maps each type of value to the number of entries that have one. With `exact`, `distinct` is the
    number of distinct values and `values` lists the most frequent ones with their counts (at equal counts in
    the order of their text). Without, there are at least `distinct` values (a long one counts for more, one
    for every 1,000 characters), none is listed, and all that are not numbers are counted under the type of an
    example.
    """

    types: Mapping[str, int]
    exact: bool
    distinct: int
    values: tuple[tuple[str, int], ...] = ()
    numbers: tuple[Numbers, ...] = ()

    @property
    def type(self) -> str:
        """The type of all its values, or `mixed`."""
        return next(iter(self.types)) if len(self.types) == 1 else "mixed"

    @property
    def complete(self) -> bool:
        """Whether `values` lists every value."""
        return self.exact and len(self.values) == self.distinct


def template_id(severity: str | None, tokens: Sequence[str]) -> str:
    """The id of a mined template: a digest of severity and tokens (without blanks), 16 hexadecimal digits.

    A template of the baseline keeps its id when later values make another of its tokens variable.
    """
    content = json.dumps([severity, list(tokens)], separators=(",", ":"))
    return sha256(content.encode("ascii")).hexdigest()[:16]


@dataclass(frozen=True)
class Template:
    """Messages that are alike but for the variable positions.

    `tokens` are the pieces of the text, each with the blank before it, if any; a variable position is
    `<*>` or " <*>", and the n-th of them is `positions[n]`. `windows` are pairs: the number of a window of
    the model's, and how many entries lie in it; those without entries are left out.
    """

    id: str
    severity: str | None
    tokens: tuple[str, ...]
    count: int
    first: int
    last: int
    windows: tuple[tuple[int, int], ...] = ()
    examples: tuple[Example, ...] = ()
    positions: tuple[Position, ...] = ()
    followers: tuple[Follower, ...] = ()

    @cached_property
    def text(self) -> str:
        """The message with `<*>` at its variable positions."""
        return "".join(self.tokens)

    def share(self, entries: int) -> str:
        """Its part of so many entries, as decimal text with six digits, rounded down."""
        return f"{self.count * 1_000_000 // entries / 1_000_000:.6f}" if entries else "0.000000"


@dataclass(frozen=True)
class LogModel:
    """The templates of a data set's entries, most frequent first (at equal counts by id).

    `masks` is the digest of the masks that made it, `baseline` that of the log model whose templates were
    matched first. Of no entries: `first` and `last` are None, and there is no window and no template.
    """

    masks: str
    entries: int
    first: int | None = None
    last: int | None = None
    windows: Windows = Windows(0, 1, 0)
    templates: tuple[Template, ...] = ()
    baseline: str | None = None
    parameters: Parameters = field(default_factory=Parameters)

    @cached_property
    def by_id(self) -> Mapping[str, Template]:
        """The templates by their ids."""
        return {template.id: template for template in self.templates}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of its bytes, in hexadecimal digits: the artifact's digest, and a baseline's name."""
        return _hexdigest(self.to_json())

    @cached_property
    def content_digest(self) -> str:
        """SHA-256 of its bytes without the member `digest`: what that member holds."""
        return _hexdigest(self._chunks(None))

    def to_json(self) -> Iterator[bytes]:
        """Its canonical JSON, in chunks."""
        return self._chunks(self.content_digest)

    def to_bytes(self) -> bytes:
        """Its canonical JSON."""
        return b"".join(self.to_json())

    def _chunks(self, content_digest: str | None) -> Iterator[bytes]:
        head: dict[str, Any] = {
            "baseline": self.baseline,
            "entries": self.entries,
            "first": self.first,
            "format": FORMAT,
            "last": self.last,
            "masks": self.masks,
            "parameters": {_camel(name): value for name, value in asdict(self.parameters).items()},
        }
        if content_digest is not None:
            head["digest"] = content_digest
        tail = {"version": VERSION, "windows": asdict(self.windows)}
        yield _canonical(head)[:-1] + b',"templates":['
        for at, template in enumerate(self.templates):
            yield (b"," if at else b"") + _canonical(_template_json(template, self.entries))
        yield b"]," + _canonical(tail)[1:]

    @classmethod
    def from_json(cls, content: bytes) -> "LogModel":
        """The model that these bytes are.

        Raises ModelTooNew or ModelTooOld if another version wrote them, and ModelDamaged if they were cut
        or edited.
        """
        model = _read(content)
        if content != model.to_bytes():
            raise ModelDamaged(
                "The log model was edited: its bytes are not the canonical JSON that its digest was made of. "
                "Use the file as it was downloaded."
            )
        return model


def _read(content: bytes) -> LogModel:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ModelDamaged(
            f"The log model is cut or damaged: it is not JSON ({error}). Download it again."
        ) from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ModelError(f'This is not a log model: the member "format" is not "{FORMAT}".')
    version = document.get("version")
    if isinstance(version, int) and version > VERSION:
        raise ModelTooNew(
            f"The log model has version {version}; this LogLeap reads version {VERSION}. "
            "Update LogLeap, or train the model again with this one."
        )
    if isinstance(version, int) and 0 < version < VERSION:
        raise ModelTooOld(
            f"The log model has version {version}; this LogLeap reads version {VERSION}. "
            "Train it again with this one."
        )
    if version != VERSION:
        raise ModelDamaged(
            'The log model is damaged: its member "version" is not a version. Download it again.'
        )
    try:
        model = _model_of(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelDamaged(f"The log model is damaged: a member is missing or wrong ({error!r}).") from error
    if document.get("digest") != model.content_digest:
        raise ModelDamaged(
            'The log model was edited: its member "digest" is not that of its content. '
            "Use the file as it was downloaded."
        )
    return model


def _hexdigest(chunks: Iterator[bytes]) -> str:
    digest = sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _template_json(template: Template, entries: int) -> dict[str, Any]:
    return {
        "count": template.count,
        "examples": [asdict(example) for example in template.examples],
        "first": template.first,
        "followers": [asdict(follower) for follower in template.followers],
        "id": template.id,
        "last": template.last,
        "positions": [_position_json(position) for position in template.positions],
        "severity": template.severity,
        "share": template.share(entries),
        "text": template.text,
        "tokens": template.tokens,
        "windows": template.windows,
    }


def _position_json(position: Position) -> dict[str, Any]:
    return {
        "distinct": position.distinct,
        "exact": position.exact,
        "numbers": [_numbers_json(numbers) for numbers in position.numbers],
        "types": dict(position.types),
        "values": position.values,
    }


def _numbers_json(numbers: Numbers) -> dict[str, Any]:
    found = {name.name: getattr(numbers, name.name) for name in fields(Numbers)}
    found["quantiles"] = dict(numbers.quantiles)
    return found


def _model_of(document: dict[str, Any]) -> LogModel:
    parameters = {field.name: document["parameters"][_camel(field.name)] for field in fields(Parameters)}
    windows = document["windows"]
    return LogModel(
        masks=document["masks"],
        entries=document["entries"],
        first=document["first"],
        last=document["last"],
        windows=Windows(windows["start"], windows["width"], windows["count"]),
        templates=tuple(map(_template_of, document["templates"])),
        baseline=document["baseline"],
        parameters=Parameters(**parameters),
    )


def _template_of(document: dict[str, Any]) -> Template:
    return Template(
        id=document["id"],
        severity=document["severity"],
        tokens=tuple(document["tokens"]),
        count=document["count"],
        first=document["first"],
        last=document["last"],
        windows=tuple((window, count) for window, count in document["windows"]),
        examples=tuple(Example(**example) for example in document["examples"]),
        positions=tuple(map(_position_of, document["positions"])),
        followers=tuple(Follower(**follower) for follower in document["followers"]),
    )


def _position_of(document: dict[str, Any]) -> Position:
    return Position(
        types=document["types"],
        exact=document["exact"],
        distinct=document["distinct"],
        values=tuple((value, count) for value, count in document["values"]),
        numbers=tuple(Numbers(**numbers) for numbers in document["numbers"]),
    )
