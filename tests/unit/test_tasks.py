"""The tasks on offer, and the masks that an operator may add."""

from pathlib import Path

import pytest

from logleap.tasks import TaskNotLoadable, load_masks, load_tasks


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
