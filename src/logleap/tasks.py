"""The training tasks on offer: the sample task, and the one that a platform plugs in."""

from collections.abc import Mapping

from logleap.domain.runs import JsonObject
from logleap.plugins import PluginNotLoadable, load_plugin
from logleap.ports.task import TrainingContext, TrainingTask

COUNT_ENTRIES = "count-entries"


def count_entries(context: TrainingContext) -> JsonObject:
    """The sample task: how many entries the training set holds, as the store counts them."""
    return {"entries": context.training_set.count()}


class TaskNotLoadable(Exception):
    """The setting LOGLEAP_TRAINING_TASK names no callable. The text is one line for the operator."""


def load_tasks(chosen: str) -> Mapping[str, TrainingTask]:
    """The tasks by name, the chosen one first: `count-entries`, or `package.module:callable` (imported here).

    Raises TaskNotLoadable.
    """
    if chosen == COUNT_ENTRIES:
        return {COUNT_ENTRIES: count_entries}
    remedy = f"LOGLEAP_TRAINING_TASK is {chosen!r}; it must be {COUNT_ENTRIES!r} or 'package.module:callable'"
    if ":" not in chosen:
        raise TaskNotLoadable(remedy + ".")
    try:
        task = load_plugin(chosen)
    except PluginNotLoadable as error:
        raise TaskNotLoadable(f"{remedy}: {error}") from error
    if not callable(task):
        raise TaskNotLoadable(f"{remedy}: {chosen.partition(':')[2]} is not callable.")
    return {chosen: task, COUNT_ENTRIES: count_entries}
