"""The floor of what `make bench PARTS=model` measures on 200 pairs: planted changes are found, others not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.planted_pairs import Score, model_of, pair
from logleap.client.logfiles import LogFile
from logleap.client.sample.orderline import order_line
from logleap.client.sample.planted import PLANTS, plant

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def score() -> Score:
    """A dozen pairs, whose first week is the sample log."""
    baseline = model_of(order_line())
    return Score([pair(seed, seed % 4, baseline) for seed in range(12)])


def test_planted_changes_are_among_the_first_reported(score: Score) -> None:
    assert {planted.kind for pair in score.pairs for planted in pair.planted} == {
        "new", "gone", "shifted", "value", "severity"
    }  # fmt: skip
    assert score.recall >= 0.9


def test_weeks_without_a_change_report_hardly_any(score: Score) -> None:
    assert score.quiet >= 2 / 3


def test_the_tool_plants_the_same_for_the_same_seed_and_says_what(tmp_path: Path) -> None:
    log, truth = tmp_path / "after.log", tmp_path / "truth.json"
    chosen: list[str | Path] = ["--seed", "7", "--plant", "new-error,disappeared", "--truth", truth]
    subprocess.run([sys.executable, "-m", "tools.sample_log", log, *chosen], cwd=ROOT, check=True)
    line, planted = plant(["new-error", "disappeared"], 7)
    assert log.read_bytes() == line.text().encode()
    document = json.loads(truth.read_bytes())
    assert document == {"seed": 7, "planted": [change.to_json() for change in planted]}
    error, gone = planted
    with log.open("rb") as file:
        messages = [entry["message"] for entry in LogFile(file, name=log.name).entries()]
    assert sum(message.startswith(error.message) for message in messages) == error.entries
    assert not any(message.startswith(gone.message) for message in messages)


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_change_alters_only_what_it_says(name: str) -> None:
    line, [planted] = plant([name], 5)
    before, after = set(order_line(5, 1).entries()), set(line.entries())
    changed = {message for _, message in before ^ after}
    beginning = planted.message or "[WRN]"
    assert changed
    assert all(message.startswith(beginning) for message in changed)


def test_a_change_that_cannot_be_planted_is_refused() -> None:
    with pytest.raises(ValueError, match="there are new-error, disappeared"):
        plant(["flood"], 1)
