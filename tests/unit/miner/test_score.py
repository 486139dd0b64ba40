"""Entries judged by a log model: the template of each, values never seen, one warning per new template."""

import itertools
import random
import tempfile
import threading
import tracemalloc
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logleap.domain.entries import Entries
from logleap.miner import score
from logleap.miner.checks import NEW, VALUE
from logleap.miner.match import Matcher
from logleap.miner.model import LogModel
from logleap.miner.score import Scorer, Scoring
from logleap.miner.text.mask import Masks
from logleap.miner.train import train


def model_of(messages: list[str], contexts: list[str | None] | None = None) -> LogModel:
    """The model of these entries, one per second."""
    times = array("q", range(0, len(messages) * 10**6, 10**6))
    entries = Entries(times, messages, contexts or [None] * len(messages))
    return train([entries], masks=Masks(), open_file=tempfile.TemporaryFile)


def service(entries: int = 3000) -> list[str]:
    chance = random.Random(3)
    return [
        f"Drive {1 + chance.randrange(4)}: winding {chance.randint(380, 620) / 10} °C, "
        f"took {chance.randint(5, 40)} ms"
        if at % 2
        else f"Order {1000 + at} sent to gate {chance.choice(['north', 'south'])}, attempt {1 + at % 3}"
        for at in range(entries)
    ]


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer(model_of(service()), Masks())


def judge(scorer: Scorer, *messages: str) -> tuple[list[list[str]], Scoring]:
    """The details of the findings of each message."""
    scoring = Scoring(scorer)
    judged = scoring.add(messages, [None] * len(messages), range(len(messages)))
    return [[found.detail for found in judged.findings.get(at, ())] for at in range(len(messages))], scoring


def test_what_the_model_was_trained_on_has_no_finding(scorer: Scorer) -> None:
    found, scoring = judge(scorer, *service())
    assert not any(found)
    assert scoring.templates[None] == scoring.values == 0
    assert scoring.warnings().listed == []


@pytest.mark.parametrize(
    ("message", "detail"),
    [
        ("Drive 3: winding 62.1 °C, took 9 ms", 'Out of range at position 2 (after "winding")'),
        ("Drive 3: winding 127 °C, took 9 ms", "127. Known: 38 to 62."),
        ("Drive 3: winding 45 °C, took 4 ms", "4 ms. Known: 5 to 40 ms."),
        ("Drive 3: winding 45.5 °C, took 41ms", "41 ms. Known: 5 to 40 ms."),
        ("Drive 9: winding 45 °C, took 9 ms", 'Never seen before at position 1 (after "Drive")'),
        ("Order 1500 sent to gate north, attempt 7", ": 7. Known: "),
    ],
)
def test_a_value_that_the_model_has_never_seen_is_found(scorer: Scorer, message: str, detail: str) -> None:
    [[found]], scoring = judge(scorer, message)
    assert detail in found
    assert (scoring.values, scoring.templates[None]) == (1, 0)


@pytest.mark.parametrize(
    "message",
    [
        "Order 90000 sent to gate north, attempt 1",  # a counter
        "Drive 3: winding 45 °C, took 9 s",  # another unit
        "Drive 3: winding 45.25 °C, took 12.5 ms",
    ],
)
def test_what_is_no_change_is_no_finding(scorer: Scorer, message: str) -> None:
    assert judge(scorer, message)[0] == [[]]


def test_messages_of_no_template_are_warned_of_once_for_each_new_template(scorer: Scorer) -> None:
    new = [f"[ERR] Column {at} of table orders is missing" for at in range(30)]
    found, scoring = judge(scorer, *service(10), *new, "Stopped", *new)
    assert [len(told) for told in found] == [0] * 10 + [1] * 61
    warnings = scoring.warnings()
    assert warnings.unlisted == 0
    assert [(one.kind, one.severity, one.text, one.count, one.first) for one in warnings.listed] == [
        (NEW, "error", "[ERR] Column <*> of table orders is missing", 60, 10),
        (NEW, None, "Stopped", 1, 40),
    ]
    assert warnings.listed[0].detail.endswith('is missing", 60 entries.')


def test_values_that_chance_explains_are_no_warning_and_unseen_ones_are(scorer: Scorer) -> None:
    usual = service(1000)
    _, scoring = judge(
        scorer,
        *usual,
        "Drive 3: winding 62.1 °C, took 9 ms",  # chance
        "Drive 9: winding 45 °C, took 9 ms",
        *["Drive 3: winding 127 °C, took 9 ms"] * 3,
        "Drive 3: winding 3 °C, took 9 ms",
        "Drive 8: winding 45 °C, took 9 ms",
    )
    assert scoring.values == 7
    warnings = scoring.warnings().listed
    assert [(one.kind, one.count, one.first) for one in warnings] == [(VALUE, 5, 1000), (VALUE, 2, 1001)]
    assert "3 and 127. Known: 38 to 62." in warnings[0].detail
    assert ": 9, 8. Known:" in warnings[1].detail
    assert warnings[0].template == warnings[1].template is not None
    _, scoring = judge(scorer, *usual, "Drive 3: winding 62.1 °C, took 9 ms")
    assert (scoring.values, list(scoring.warnings().listed)) == (1, [])


def test_a_shift_of_many_values_just_outside_the_range_is_a_warning(scorer: Scorer) -> None:
    _, scoring = judge(scorer, *[f"Drive 3: winding 62.{1 + at % 3} °C, took 9 ms" for at in range(500)])
    assert [one.count for one in scoring.warnings().listed] == [500]


def test_values_of_which_several_or_none_were_masked_are_checked() -> None:
    chance = random.Random(5)
    messages = [
        f"state {chance.choice(['on', 'off'])} of user={chance.choice(['anna', 'bert'])} at {at % 3}/{at % 2}"
        for at in range(900)
    ]
    found, _ = judge(
        Scorer(model_of(messages), Masks()),
        "state on of user=anna at 1/1",
        "state on of user=carl at 1/1",
        "state on of user=bert at 8/8",
    )
    assert found[0] == []
    assert any("carl" in told for told in found[1])
    assert any("8/8" in told for told in found[2])


def test_the_severity_of_the_context_counts_as_in_training() -> None:
    scorer = Scorer(model_of(["link down"] * 20, ['{"level": "error"}'] * 20), Masks())
    messages, contexts = ["link down", "link down"], ['{"level": "error"}', None]
    assert [told is None for told in scorer.templates(messages, contexts)] == [False, True]


def test_it_agrees_with_the_matcher(scorer: Scorer) -> None:
    messages = [*service(200), "Stopped", "Order x", ""]
    contexts: list[str | None] = [None] * len(messages)
    assert scorer.templates(messages, contexts) == Matcher(model_of(service()), Masks()).templates(
        messages, contexts
    )


MESSAGES = st.lists(
    st.sampled_from([*service(40), "Drive 9: winding 99 °C, took 90 ms", "Stopped", "Belt 7 jammed", ""]),
    max_size=30,
)


@settings(max_examples=40, deadline=None)
@given(messages=MESSAGES, cut=st.integers(0, 30))
def test_the_result_does_not_depend_on_how_the_entries_are_divided(messages: list[str], cut: int) -> None:
    scorer = Scorer(MODEL, Masks())
    whole, parts = Scoring(scorer), Scoring(scorer)
    contexts: list[str | None] = [None] * len(messages)
    together = whole.add(messages, contexts, range(len(messages)))
    first = parts.add(messages[:cut], contexts[:cut], range(len(messages[:cut])))
    second = parts.add(messages[cut:], contexts[cut:], range(cut, cut + len(messages[cut:])))
    assert [*first.templates, *second.templates] == list(together.templates)
    behind = {at + len(messages[:cut]): told for at, told in second.findings.items()}
    assert {**first.findings, **behind} == dict(together.findings)
    assert parts.warnings() == whole.warnings()
    assert (parts.values, parts.templates) == (whole.values, whole.templates)


MODEL = model_of(service(1000))


def test_memory_is_bounded_and_what_is_beyond_is_counted(
    scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score, "_SHAPES", 3)
    monkeypatch.setattr(score, "_KNOWN", 5)
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"]
    scoring = Scoring(Scorer(model_of(service()), Masks()))
    for at, word in enumerate([*words, *words]):
        scoring.add(
            [f"{word} {' '.join([word] * (at % 8))}", service(1)[0]], [None] * 2, [2 * at, 2 * at + 1]
        )
    warnings = scoring.warnings()
    assert sum(one.count for one in warnings.listed) + warnings.unlisted == scoring.templates[None] == 16
    assert warnings.unlisted > 0


def test_the_rest_of_long_messages_counts_for_what_is_kept(scorer: Scorer) -> None:
    scoring = Scoring(scorer)
    tracemalloc.start()
    try:
        for number, letters in enumerate(itertools.product("abcdefghijkl", repeat=3)):
            word = "".join(letters)
            scoring.add([f"{word} went wrong\n" + f"{word} " * 5_000], [None], [number])
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 20 << 20  # of 35 MB that were given
    assert scoring.templates[None] == 12**3


def test_of_no_messages_there_are_no_templates(scorer: Scorer) -> None:
    assert scorer.templates([], []) == []


def test_a_new_template_of_more_messages_than_are_kept_is_counted_in_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(score, "_SHAPES", 40)
    chance = random.Random(2)
    names = ["".join(chance.choices("abcdefgh", k=6)) for _ in range(300)]
    messages = [f"user {name} was locked out" for name in names]
    messages.insert(200, "something else")
    _, scoring = judge(Scorer(MODEL, Masks()), *messages)
    warnings = scoring.warnings()
    assert [(one.text, one.count, one.first) for one in warnings.listed] == [
        ("user <*> was locked out", 300, 0)
    ]
    assert warnings.unlisted == 1


def test_a_model_of_other_masks_is_refused() -> None:
    with pytest.raises(ValueError, match="other masks"):
        Scorer(MODEL, Masks({"ticket": "[A-Z]+-[0-9]+"}))


def test_several_threads_may_judge_at_once(scorer: Scorer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score, "_KNOWN", 50)
    messages = [f"{word} {'x' * at}" for at in range(60) for word in ("a", "b")] + service(100)
    expected = scorer.templates(messages, [None] * len(messages))
    found: list[object] = []

    def work() -> None:
        found.extend(scorer.templates(messages, [None] * len(messages)) == expected for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 80


def test_the_common_word_is_in_every_message_of_a_template() -> None:
    model = model_of([*service(200), "7", "8", "9"])
    scorer = Scorer(model, Masks())
    messages = [*service(200), "7", "8", "9"]
    for message, template in zip(messages, scorer.templates(messages, [None] * 203), strict=True):
        assert template is not None
        assert scorer.has(template)
        assert scorer.common_word(template) in message
    assert not scorer.has("x")


TEXT = st.text(st.sampled_from('ab1 =:"[,]\x00\x1d\ufffd\n\té<*>'), min_size=1, max_size=24)


@settings(max_examples=60, deadline=None)
@given(messages=st.lists(TEXT, min_size=1, max_size=12), others=st.lists(TEXT, max_size=6))
def test_any_message_is_found_by_the_common_word_of_its_template(
    messages: list[str], others: list[str]
) -> None:
    """Entries of a template are read by that word: one without it would be lost."""
    scorer = Scorer(model_of(messages), Masks())
    both = [*messages, *others]
    found = scorer.templates(both, [None] * len(both))
    assert None not in found[: len(messages)]
    for message, template in zip(both, found, strict=True):
        assert template is None or scorer.common_word(template) in message
    scoring = Scoring(scorer)
    scoring.add(both, [None] * len(both), range(len(both)))
    warnings = scoring.warnings()
    assert sum(one.count for one in warnings.listed if one.kind == NEW) + warnings.unlisted == found.count(
        None
    )
