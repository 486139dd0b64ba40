"""The training task of the scenarios: all that it reads is its result."""

import time

from logleap.domain.runs import JsonObject
from logleap.ports.task import TrainingContext


def collect(context: TrainingContext) -> JsonObject:
    """The messages of the training set, after `seconds` (a parameter) of work."""
    time.sleep(float(context.parameters.get("seconds", 0)))
    messages = [row.entry.message for row in context.training_set.rows()]
    return {"entries": context.training_set.count(), "messages": messages}
