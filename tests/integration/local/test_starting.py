"""Starting a training from an outdated look at the data set."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from logleap.domain.errors import InvalidTransition
from logleap.domain.runs import TrainingRequest, start_training
from logleap.ports.errors import Conflict


def test_what_is_decided_on_an_outdated_data_set_is_a_conflict_and_no_refusal(local: Any, lines: Any) -> None:
    outdated = local.announce()
    local.upload(outdated, lines(5))
    decide = partial(
        start_training,
        outdated,
        request=TrainingRequest("count-entries"),
        run_id="run",
        now=outdated.created_at,
        patience=timedelta(minutes=1),
    )
    with pytest.raises(InvalidTransition):  # "it has no entries"
        decide(local.ledger.totals(outdated.dataset_id))
    with pytest.raises(Conflict):
        local.runs.start(outdated, decide)
