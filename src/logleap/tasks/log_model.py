"""The task `log-model`: trains a log model of the entries, and stores it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO

from logleap.domain.entries import Entries
from logleap.domain.log_models import CHANGES_FILE, MODEL_FILE, ModelParameters
from logleap.domain.runs import JsonObject
from logleap.miner.compare import Changes, compare
from logleap.miner.compare.changes import KINDS
from logleap.miner.compare.find import Finder
from logleap.miner.errors import BaselineUnusable, ModelError
from logleap.miner.model import MEDIA_TYPE, LogModel
from logleap.miner.text.mask import Masks
from logleap.miner.train import train
from logleap.ports.errors import CountMismatch
from logleap.ports.task import TaskFailed, TrainingContext, TryAgain

_MOST_FREQUENT = 10
_MOST_SURPRISING = 10
_STOPPING = "the training was asked to stop"
_TEXT = 200  # characters of a template's text in the result


@dataclass(frozen=True, slots=True)
class TrainLogModel:
    """The task, with the masks of the operator."""

    masks: Masks

    def __call__(self, context: TrainingContext) -> JsonObject:
        """The result: the model's digest, its figures, and a summary. The model is the artifact `MODEL_FILE`.

        With a baseline the changes since then are the artifact `CHANGES_FILE`.
        Raises CountMismatch unless the templates' counts add up to the acknowledged entries, TaskFailed if
        the baseline cannot be compared with, TryAgain once the task is to stop.
        """
        ignore = ModelParameters.of(context.parameters).ignore
        try:
            baseline = LogModel.from_json(context.baseline) if context.baseline is not None else None
            model = train(_Columns(context), masks=self.masks, open_file=_temporary_file, baseline=baseline)
        except (BaselineUnusable, ModelError) as error:
            raise TaskFailed(f"The baseline cannot be compared with. {error}") from error
        acknowledged = context.training_set.count()
        found = sum(template.count for template in model.templates)
        if found != acknowledged:
            raise CountMismatch(acknowledged, found)
        result = result_of(model)
        context.artifacts.save(MODEL_FILE, MEDIA_TYPE, model.to_json(), compress=True)
        if baseline is not None:
            changes = compare(baseline, model, ignore)
            if any(change.kind != "gone" for change in changes.changes):
                changes = self._with_examples(changes, model, context)
            context.artifacts.save(CHANGES_FILE, MEDIA_TYPE, changes.to_bytes(), compress=True)
            result["changes"] = changes_of(changes)
        return result

    def _with_examples(self, changes: Changes, model: LogModel, context: TrainingContext) -> Changes:
        """The changes with entries that show them, by where they are: those of `gone` are the baseline's."""
        finder = Finder(changes, model, self.masks)
        for placed in context.training_set.placed_columns(finder.wants):
            if context.stopping():
                raise TryAgain(_STOPPING)
            entries = placed.entries
            finder.add(placed.batch_ids, placed.sequences, entries.micros, entries.messages, entries.contexts)
        return finder.changes()


def _temporary_file() -> IO[bytes]:
    return TemporaryFile(prefix="logleap-")


class _Columns:
    """The entries by column, as often as they are read. Raises TryAgain where the task is to stop."""

    def __init__(self, context: TrainingContext) -> None:
        self._context = context

    def __iter__(self) -> Iterator[Entries]:
        for entries in self._context.training_set.columns():
            if self._context.stopping():
                raise TryAgain(_STOPPING)
            yield entries


def result_of(model: LogModel) -> dict[str, object]:
    """What the run's result says of the model."""
    severities = Counter[str]()
    for template in model.templates:
        severities[template.severity or "none"] += template.count
    listed = model.templates[:_MOST_FREQUENT]
    return {
        "digest": model.digest,
        "entries": model.entries,
        "templates": len(model.templates),
        "severities": dict(sorted(severities.items())),
        "frequent": [
            {
                "id": template.id,
                "severity": template.severity,
                "text": template.text if len(template.text) <= _TEXT else template.text[: _TEXT - 1] + "…",
                "count": template.count,
            }
            for template in listed
        ],
        "summary": _summary(model, sum(template.count for template in listed), len(listed)),
    }


def changes_of(changes: Changes) -> dict[str, object]:
    """What the run's result says of the changes."""
    kinds = Counter(change.kind for change in changes.changes)
    return {
        "total": len(changes.changes),
        "kinds": {kind: kinds[kind] for kind in KINDS if kinds[kind]},
        "first": [
            {"kind": change.kind, "score": change.score, "sentence": change.sentence}
            for change in changes.changes[:_MOST_SURPRISING]
        ],
    }


def _summary(model: LogModel, entries: int, listed: int) -> str:
    """One sentence. A data set without entries is not trained on."""
    share = 100 * entries // model.entries
    return (
        f"{model.entries:,} entries of {len(model.templates)} templates; "
        f"the {listed} most frequent have {share} % of the entries."
        if listed < len(model.templates)
        else f"{model.entries:,} entries of {len(model.templates)} templates."
    )
