"""Judge entries by a data set's log model, without storing them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from logleap.domain.entries import BodyPart, Entries
from logleap.domain.errors import BatchEmpty, EntryError
from logleap.miner.checks import Finding
from logleap.miner.score import Scoring, Warnings
from logleap.usecases.loaded_models import CurrentModel, LoadedModels


class BodySource(Protocol):
    """The entries of one request, good and bad, as they come off the wire.

    Iterating (once) raises a Refusal if anything of the whole is wrong.
    """

    def __iter__(self) -> Iterator[BodyPart]: ...


@dataclass(frozen=True, slots=True)
class ScoredPart:
    """Some entries: their indexes in the body, the ids of their templates (None: of none), the findings by
    places in these lists; and the bad ones among them.
    """

    indexes: Sequence[int]
    templates: Sequence[str | None]
    findings: Mapping[int, Sequence[Finding]]
    errors: Sequence[EntryError]


@dataclass(frozen=True, slots=True)
class Summary:
    """What all entries of a body came to.

    `entries` were judged: `matched` have a template, `new` have none, `values` have a value that the model
    has never seen. `invalid` are the bad ones.
    """

    entries: int
    matched: int
    new: int
    values: int
    invalid: int
    warnings: Warnings


class ScoredBody:
    """The parts of one body, to be iterated once; then `summary`. Iterating raises what the source raises,
    and BatchEmpty if there was no entry.
    """

    def __init__(self, model: CurrentModel, source: BodySource) -> None:
        self.model = model.found
        self._source = source
        self._scoring = Scoring(model.scorer)
        self._invalid = 0

    def __iter__(self) -> Iterator[ScoredPart]:
        empty = True
        for part in self._source:
            empty = False
            entries = Entries.of(part.entries)
            indexes: Sequence[int] = range(part.start, part.start + len(entries))
            if part.errors:
                self._invalid += len(part.errors)
                bad = {error.index for error in part.errors}
                whole = range(part.start, part.start + len(entries) + len(bad))
                indexes = [index for index in whole if index not in bad]
            judged = self._scoring.add(entries.messages, entries.contexts, indexes)
            yield ScoredPart(indexes, judged.templates, judged.findings, part.errors)
        if empty:
            raise BatchEmpty

    @property
    def summary(self) -> Summary:
        """Of all entries that were iterated so far."""
        scoring = self._scoring
        entries, new = scoring.templates.total(), scoring.templates[None]
        return Summary(entries, entries - new, new, scoring.values, self._invalid, scoring.warnings())


@dataclass(frozen=True, slots=True)
class ScoreEntries:
    """Judges one request's entries by the current log model of a data set, in every state that has one."""

    models: LoadedModels

    def __call__(self, owner: str, dataset_id: str, source: BodySource) -> ScoredBody:
        """Nothing of the source has been read yet.

        Raises DatasetNotFound, ModelMissing, ModelUnusable, ArtifactMissing; the iteration BatchEmpty.
        """
        return ScoredBody(self.models.current(owner, dataset_id), source)
