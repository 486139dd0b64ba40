"""The task `log-model`: trains a log model of the entries, and stores it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO

from logleap.domain.entries import Entries
from logleap.domain.log_models import MODEL_FILE
from logleap.domain.runs import JsonObject
from logleap.miner.mask import Masks
from logleap.miner.model import MEDIA_TYPE, LogModel
from logleap.miner.train import train
from logleap.ports.errors import CountMismatch
from logleap.ports.task import TrainingContext, TryAgain

_MOST_FREQUENT = 5
_TEXT = 200  # characters of a template's text in the result


@dataclass(frozen=True, slots=True)
class TrainLogModel:
    """The task, with the masks of the operator."""

    masks: Masks

    def __call__(self, context: TrainingContext) -> JsonObject:
        """The result: the model's digest, its figures, and a summary. The model is the artifact `MODEL_FILE`.

        Raises CountMismatch unless the templates' counts add up to the acknowledged entries.
        """
        model = train(_Columns(context), masks=self.masks, open_file=_temporary_file)
        acknowledged = context.training_set.count()
        found = sum(template.count for template in model.templates)
        if found != acknowledged:
            raise CountMismatch(acknowledged, found)
        context.artifacts.save(MODEL_FILE, MEDIA_TYPE, model.to_json(), compress=True)
        return result_of(model)


def _temporary_file() -> IO[bytes]:
    return TemporaryFile(prefix="logleap-")


class _Columns:
    """The entries by column, as often as they are read. Raises TryAgain where the task is to stop."""

    def __init__(self, context: TrainingContext) -> None:
        self._context = context

    def __iter__(self) -> Iterator[Entries]:
        for entries in self._context.training_set.columns():
            if self._context.stopping():
                raise TryAgain("the training was asked to stop")
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


def _summary(model: LogModel, entries: int, listed: int) -> str:
    """One sentence. A data set without entries is not trained on."""
    share = 100 * entries // model.entries
    return (
        f"{model.entries} entries of {len(model.templates)} templates; "
        f"the {listed} most frequent have {share} % of the entries."
        if listed < len(model.templates)
        else f"{model.entries} entries of {len(model.templates)} templates."
    )
