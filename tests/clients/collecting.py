"""A training task that writes down what it was given: how the tests see a training set."""

import json
import os
from pathlib import Path

from logleap.ports.task import TrainingContext


def rows(context: TrainingContext) -> dict[str, object]:
    rows = [
        (row.entry.timestamp.isoformat(), row.entry.message, row.entry.context)
        for row in context.training_set.rows()
    ]
    file = Path(os.environ["LOGLEAP_DATA_DIR"], f"{context.run_id}.json")
    file.write_text(json.dumps(rows), encoding="utf-8")
    return {"file": file.name}
