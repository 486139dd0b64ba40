"""The training tasks on offer: the built-in ones, and the one that a platform plugs in."""

from collections.abc import Mapping
from pathlib import Path

from logleap.domain.log_models import LOG_MODEL
from logleap.domain.runs import JsonObject
from logleap.miner.errors import MasksRefused
from logleap.miner.text.mask import Masks
from logleap.miner.text.own_masks import read
from logleap.plugins import PluginNotLoadable, load_plugin
from logleap.ports.task import TrainingContext, TrainingTask
from logleap.tasks.log_model import TrainLogModel

COUNT_ENTRIES = "count-entries"


def count_entries(context: TrainingContext) -> JsonObject:
    """The sample task: how many entries the training set holds, as the store counts them."""
    return {"entries": context.training_set.count()}


class TaskNotLoadable(Exception):
    """LOGLEAP_TRAINING_TASK or LOGLEAP_MASKS cannot be used. The text is one line for the operator."""


def load_tasks(chosen: str, masks: Masks | None = None) -> Mapping[str, TrainingTask]:
    """The tasks by name, the chosen one first: a built-in one, or `package.module:callable` (imported here).

    `masks` are those of the task `log-model`; None: the built-in ones. Raises TaskNotLoadable.
    """
    built_in: dict[str, TrainingTask] = {
        COUNT_ENTRIES: count_entries,
        LOG_MODEL: TrainLogModel(masks or Masks()),
    }
    if chosen in built_in:
        return {chosen: built_in[chosen], **built_in}
    names = " or ".join(map(repr, built_in))
    remedy = f"LOGLEAP_TRAINING_TASK is {chosen!r}; it must be {names} or 'package.module:callable'"
    if ":" not in chosen:
        raise TaskNotLoadable(remedy + ".")
    try:
        task = load_plugin(chosen)
    except PluginNotLoadable as error:
        raise TaskNotLoadable(f"{remedy}: {error}") from error
    if not callable(task):
        raise TaskNotLoadable(f"{remedy}: {chosen.partition(':')[2]} is not callable.")
    return {chosen: task, **built_in}


def load_masks(file: Path | None) -> Masks:
    """The masks of LOGLEAP_MASKS, or the built-in ones alone. Raises TaskNotLoadable."""
    if file is None:
        return Masks()
    try:
        return read(file.read_bytes())
    except (OSError, MasksRefused) as error:
        why = f" cannot be read: {error.strerror or error}." if isinstance(error, OSError) else f". {error}"
        raise TaskNotLoadable(f"LOGLEAP_MASKS is {str(file)!r}{why}") from error
