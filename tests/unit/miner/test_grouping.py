"""Quality: the share of lines that are grouped truly, on generated logs in many styles: floors."""

import tempfile
from array import array
from collections.abc import Sequence

import pytest

from benchmarks.grouping import accuracy
from benchmarks.log_styles import STYLES, lines
from logleap.domain.entries import Entries
from logleap.miner.match import Matcher
from logleap.miner.model import LogModel
from logleap.miner.text.mask import Masks
from logleap.miner.train import train

NONE: list[str | None] = [None] * 5000


def trained(messages: Sequence[str], baseline: LogModel | None = None) -> LogModel:
    entries = Entries(array("q", range(len(messages))), list(messages), NONE[: len(messages)])
    return train([entries], masks=Masks(), open_file=tempfile.TemporaryFile, baseline=baseline)


def groups(model: LogModel, messages: Sequence[str]) -> list[str | None]:
    return Matcher(model, Masks()).templates(messages, NONE[: len(messages)])


@pytest.fixture(scope="module")
def accuracies() -> dict[str, float]:
    found = {}
    for style in STYLES:
        messages, events = lines(style, 600)
        found[style] = accuracy(groups(trained(messages), messages), events)
    return found


def test_lines_in_many_styles_are_grouped_by_their_events(accuracies: dict[str, float]) -> None:
    assert sum(accuracies.values()) / len(accuracies) >= 0.9, accuracies


def test_few_styles_are_grouped_badly(accuracies: dict[str, float]) -> None:
    assert sum(found < 0.6 for found in accuracies.values()) <= 2, accuracies


def test_templates_that_are_new_in_a_later_log_are_the_events_that_are_new_there() -> None:
    true = found = right = 0
    for style in STYLES:
        earlier = [message for message, event in zip(*lines(style, 400, seed=2), strict=True) if event % 5]
        messages, events = lines(style, 400, seed=4)
        before = trained(earlier)
        after = trained(messages, before)
        of = groups(after, messages)
        new = {template.id for template in after.templates if template.id not in before.by_id}
        known = {event for event, name in zip(events, of, strict=True) if event % 5}
        wrong = {name for event, name in zip(events, of, strict=True) if event in known and name in new}
        true += len(set(events) - known)
        found += len(new)
        right += len(new - wrong)
    assert 2 * right / (true + found) >= 0.85
