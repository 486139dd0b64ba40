"""The training task of the scenarios: all that it reads is its result."""

import time
from collections.abc import Sequence

from logleap.domain.runs import JsonObject
from logleap.ports.task import TrainingContext

ARTIFACT = "messages.txt"


def save_messages(context: TrainingContext, messages: Sequence[str]) -> None:
    """Keep the messages in a file, too: what is found at the end must be the same."""
    context.artifacts.save(ARTIFACT, "text/plain", (f"{message}\n".encode() for message in messages))


def collect(context: TrainingContext) -> JsonObject:
    """The messages of the training set, after `seconds` (a parameter) of work."""
    time.sleep(float(context.parameters.get("seconds", 0)))
    messages = [row.entry.message for row in context.training_set.rows()]
    save_messages(context, messages)
    return {"entries": context.training_set.count(), "messages": messages}
