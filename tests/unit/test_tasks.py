"""The tasks on offer, and the masks that an operator may add."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from logleap.domain.entries import Entries
from logleap.miner.text.mask import Masks
from logleap.miner.train import train
from logleap.ports.task import TaskFailed
from logleap.tasks import TaskNotLoadable, load_masks, load_tasks
from logleap.tasks.log_model import TrainLogModel
from logleap.testing import training_context


@pytest.mark.parametrize("chosen", ["count-entries", "log-model", "logleap.tasks:count_entries"])
def test_the_chosen_task_is_the_default_and_the_built_in_ones_stay_on_offer(chosen: str) -> None:
    names = list(load_tasks(chosen))
    assert names[0] == chosen
    assert set(names) == {chosen, "count-entries", "log-model"}


def test_masks_that_cannot_be_used_are_refused_with_the_file_and_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "masks.toml"
    with pytest.raises(TaskNotLoadable, match=r"LOGLEAP_MASKS is '.*masks.toml' cannot be read: No such"):
        load_masks(file)
    file.write_text('[masks]\nticket = "(a+)+"\n')
    with pytest.raises(TaskNotLoadable, match=r"LOGLEAP_MASKS is '.*masks.toml'. Mask ticket, character 1: "):
        load_masks(file)


def test_what_goes_wrong_in_a_training_is_not_blamed_on_its_baseline() -> None:
    def broken() -> Iterator[Entries]:
        raise ValueError("a bug in reading the entries")

    model = train([], masks=Masks(), open_file=tempfile.TemporaryFile)
    baseline = b"".join(model.to_json())
    context = training_context(["a"], baseline=baseline)
    object.__setattr__(context.training_set, "columns", broken)
    with pytest.raises(ValueError, match="a bug in reading"):
        TrainLogModel(Masks())(context)
    with pytest.raises(TaskFailed, match=r"The baseline cannot be compared with\. .* other masks"):
        TrainLogModel(Masks({"x": "y"}))(training_context(["a"], baseline=baseline))
    with pytest.raises(TaskFailed, match=r"The baseline cannot be compared with\. "):
        TrainLogModel(Masks())(training_context(["a"], baseline=b"{"))
