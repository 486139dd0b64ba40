"""Training: the same entries give the same bytes, and each entry is of one template."""

import tempfile
from array import array
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.log_styles import STYLES, lines
from logleap.domain.entries import Entries
from logleap.miner.errors import BaselineUnusable
from logleap.miner.known_templates import KnownTemplates
from logleap.miner.match import Matcher
from logleap.miner.model import LogModel, Parameters
from logleap.miner.text.mask import Masks
from logleap.miner.train import Limits, train

Row = tuple[int, str, str | None]

SECOND = 1_000_000
FIRST = 1_700_000_000 * SECOND


def trained(
    rows: Sequence[Row],
    *,
    cuts: int = 1000,
    limits: Limits | None = None,
    baseline: LogModel | None = None,
    parameters: Parameters | None = None,
) -> LogModel:
    blocks = []
    for start in range(0, len(rows), cuts):
        part = rows[start : start + cuts]
        blocks.append(
            Entries(array("q", [row[0] for row in part]), [r[1] for r in part], [r[2] for r in part])
        )
    return train(
        blocks,
        masks=Masks(),
        open_file=tempfile.TemporaryFile,
        limits=limits,
        baseline=baseline,
        parameters=parameters,
    )


def written(*messages: str) -> list[Row]:
    return [(FIRST + at * SECOND, message, None) for at, message in enumerate(messages)]


def styled(number: int = 20) -> list[Row]:
    return written(*(message for style in STYLES for message in lines(style, number)[0]))


SMALL = Limits(kinds=3, values=10, characters=300, entries=20, block=7)

words = st.sampled_from(
    [
        "start",
        "stop",
        "user",
        "root",
        "for",
        "<*>",
        "is",
        "12",
        "0x1f",
        "-5",
        "3.50",
        "12ms",
        "1e9",
        "a=b",
        "k=7",
        "[x]",
        "\x00",
        "\n",
        "\x1d",
        "é",
        "١٢",
        "“q”",
    ]
)
message = st.one_of(
    st.lists(words, min_size=1, max_size=7).map(" ".join),
    st.text(min_size=1, max_size=12),
    st.sampled_from(["ERROR disk 1 full", "[warn] disk 2 full", "level=info disk 3 full"]),
)
context = st.sampled_from([None, None, '{"level":"error"}', '{"PRIORITY":6}', "text", '{"level":', "[]"])
time = st.one_of(st.integers(0, 5), st.integers(-(10**13), 10**13), st.just(253402300799999999))
row = st.tuples(time, message, context)


@given(st.lists(row, max_size=60), st.randoms(use_true_random=False), st.integers(1, 70))
@settings(max_examples=30, deadline=None)
def test_equal_entries_give_equal_bytes_in_any_order_blocks_and_memory(
    rows: list[Row], random: Random, cuts: int
) -> None:
    bytes_ = trained(rows).to_bytes()
    shuffled = random.sample(rows, len(rows))
    assert trained(shuffled, cuts=cuts).to_bytes() == bytes_
    assert trained(shuffled, cuts=cuts, limits=SMALL).to_bytes() == bytes_
    assert trained(shuffled, cuts=cuts, limits=Limits(block=5)).to_bytes() == bytes_
    assert trained(shuffled, cuts=cuts, limits=Limits(compiled=False)).to_bytes() == bytes_


@given(st.lists(row, max_size=40))
@settings(max_examples=20, deadline=None)
def test_each_entry_is_of_the_template_that_the_matcher_finds(rows: list[Row]) -> None:
    some = rows[::2]
    with_baseline = trained(some, baseline=trained(rows[1::3]))
    same = Matcher(with_baseline, Masks()).templates([row[1] for row in some], [row[2] for row in some])
    assert Counter(same) == {template.id: template.count for template in with_baseline.templates}
    model = trained(rows)
    assert LogModel.from_json(model.to_bytes()) == model
    found = Matcher(model, Masks()).match([row[1] for row in rows], [row[2] for row in rows])
    assert Counter(match and match.template for match in found) == {t.id: t.count for t in model.templates}
    assert model.entries == len(rows)
    for match in found:
        assert match is not None
        assert len(match.values) == len(model.by_id[match.template].positions)
    for template in model.templates:
        own = [
            row[:2] for row, match in zip(rows, found, strict=True) if match and match.template == template.id
        ]
        assert (template.first, template.last) == (min(own)[0], max(own)[0])
        assert {(e.timestamp, e.message) for e in template.examples} == {
            min(own),
            max(own),
            min(own, key=lambda entry: entry[::-1]),
        }
        for at, position in enumerate(template.positions):
            values = Counter(m.values[at] for m in found if m and m.template == template.id)
            assert position.distinct == len(values)
            assert (
                sorted(position.values, key=str) == sorted(values.most_common(20), key=str)
                or len(values) > 20
            )
            assert sum(position.types.values()) == template.count


@given(st.lists(row, min_size=1, max_size=60))
@settings(max_examples=20, deadline=None)
def test_windows_and_followers_are_those_of_the_order_of_time_and_id(rows: list[Row]) -> None:
    model = trained(rows)
    ids = Matcher(model, Masks()).templates([row[1] for row in rows], [row[2] for row in rows])
    order = sorted((row[0], id or "") for row, id in zip(rows, ids, strict=True))
    pairs = Counter((before[1], after[1]) for before, after in pairwise(order))
    windows = model.windows
    for template in model.templates:
        followers = sorted((-count, b) for (a, b), count in pairs.items() if a == template.id)[:5]
        assert [(-f.count, f.template) for f in template.followers] == followers
        times = [time for time, id in order if id == template.id]
        counted = Counter((time - windows.start) // windows.width for time in times)
        assert template.windows == tuple(sorted(counted.items()))
        assert all(0 <= window < windows.count <= 60 for window in counted)


PLAIN = Limits(compiled=False)
SMALL_PLAIN = Limits(kinds=3, values=10, characters=300, entries=20, block=7, compiled=False)


@pytest.mark.parametrize("limits", [SMALL, PLAIN, SMALL_PLAIN], ids=["two", "python", "two, python"])
def test_one_reading_and_two_compiled_or_not_give_the_same_bytes(limits: Limits) -> None:
    rows = styled()
    assert trained(rows, limits=limits).to_bytes() == trained(rows).to_bytes()


def test_a_position_of_many_values_is_described_without_a_list() -> None:
    rows = written(*(f"request {at} took {at % 7}.5 ms by worker w{at}" for at in range(2000)))
    for limits in (None, SMALL, PLAIN, SMALL_PLAIN):
        (template,) = trained(rows, limits=limits).templates
        assert template.text == "request <*> took <*> by worker <*>"
        first, second, third = template.positions
        assert (first.exact, first.distinct, first.values, first.types) == (False, 257, (), {"number": 2000})
        (numbers,) = first.numbers
        assert (numbers.minimum, numbers.maximum, numbers.first, numbers.last) == ("0", "1999", "0", "1999")
        assert abs(int(numbers.quantiles["0.5"]) / 1000 - 1) < 1 / 64
        assert (second.exact, second.distinct, second.numbers[0].unit) == (True, 7, "ms")
        assert third.types == {"word": 2000}


def test_severity_is_part_of_a_template_and_comes_from_the_message_first() -> None:
    rows = [
        (0, "disk 1 full", None),
        (1, "disk 2 full", '{"level":"ERROR"}'),
        (2, "WARN disk 2", '{"level":"info"}'),
    ]
    found = {(template.severity, template.text) for template in trained(rows).templates}
    assert found == {(None, "disk <*> full"), ("error", "disk <*> full"), ("warning", "WARN disk <*>")}


def test_with_a_baseline_its_templates_come_first_and_only_the_rest_is_mined() -> None:
    baseline = trained(written(*(f"user {name} logged in" for name in ("ann", "bob", "eve", "joe"))))
    rows = written("user zoe logged in", "cache 5 flushed", "cache 6 flushed")
    for limits in (None, SMALL):
        model = trained(rows, baseline=baseline, limits=limits)
        assert {t.text: t.count for t in model.templates} == {"user <*> logged in": 1, "cache <*> flushed": 2}
        assert model.baseline == baseline.digest
        assert model.by_id[baseline.templates[0].id].text == "user <*> logged in"


def test_a_baseline_of_other_masks_or_another_cut_is_refused() -> None:
    baseline = trained(written("a 1"))
    with pytest.raises(BaselineUnusable, match="other masks"):
        train([], masks=Masks({"x": "y"}), open_file=tempfile.TemporaryFile, baseline=baseline)
    with pytest.raises(BaselineUnusable, match="another max_tokens"):
        trained([], baseline=baseline, parameters=Parameters(max_tokens=7))


def test_no_entries_make_an_empty_model() -> None:
    model = trained([])
    assert (model.entries, model.templates, model.first) == (0, (), None)
    assert LogModel.from_json(model.to_bytes()) == model


@pytest.mark.parametrize(
    "message",
    [
        *("x" * (1 << 20), "1 " * 100_000, "1" * (1 << 20), "a1" * 100_000, "\n" * 100_000, " ", "\0\0"),
        *(
            '"' * 100_000,
            "<1 " * 50_000,
            "=" * 100_000,
            "a://" * 100_000,
            "a:" * 100_000,
            "'" + "b" * 300_000,
        ),
        "(\u202e1)" * 1000,
    ],
    ids=lambda message: f"{message[:3]!a}",
)
def test_a_huge_or_odd_message_is_described_in_linear_time(message: str) -> None:
    model = trained(written(message, message + " 7", "usual 5"))
    assert model.entries == sum(template.count for template in model.templates) == 3


def test_years_apart_out_of_order_and_all_equal_times_are_windowed() -> None:
    far = trained([(253402300799999999, "a", None), (-62135596800000000, "a", None)])
    assert far.windows.count <= 60
    assert far.templates[0].windows[0] == (0, 1)
    equal = trained([(5, "a", None), (5, "b", None), (5, "a", None)])
    assert equal.windows.count == 1
    assert {t.text: [(f.count) for f in t.followers] for t in equal.templates}.keys() == {"a", "b"}


def test_what_follows_is_known_of_the_most_frequent_templates_alone() -> None:
    rows = written("a a", "b", "a a", "b", "a a c")
    model = trained(rows, parameters=Parameters(follower_templates=2))
    assert {t.text: [f.count for f in t.followers] for t in model.templates} == {
        "a a": [2],
        "b": [1],
        "a a c": [],
    }


def test_more_templates_than_wanted_are_joined_and_none_is_lost() -> None:
    random = Random(1)
    rows = written(*(" ".join(random.choice(("on", "off")) for _ in range(10)) for _ in range(1500)))
    model = trained(rows, parameters=Parameters(max_templates=50))
    assert len(model.templates) <= 50
    assert sum(t.count for t in model.templates) == 1500


def test_many_distinct_messages_are_mined_in_rounds_and_all_match_in_the_end() -> None:
    rows = styled()
    parameters = Parameters(mined_messages=3)
    model = trained(rows, parameters=parameters)
    assert sum(template.count for template in model.templates) == len(rows)
    assert trained(rows[::-1], parameters=parameters, limits=SMALL).to_bytes() == model.to_bytes()


def test_values_of_several_lines_are_counted_alike_in_every_order() -> None:
    random = Random(5)
    rests = [random.choice([f"{n % 9}", f"{n}\n{n}"]) for n in range(600)]
    rows = written(*(f"table lost: {n % 7}\n{rest}" for n, rest in enumerate(rests)))
    models = {
        trained(order, limits=limits).to_bytes()
        for order in (rows, rows[::-1])
        for limits in (SMALL, SMALL_PLAIN, PLAIN, None)
    }
    assert len(models) == 1
    (template,) = LogModel.from_json(models.pop()).templates
    assert {sum(position.types.values()) for position in template.positions} == {600}


def test_long_values_are_held_by_what_they_weigh() -> None:
    rows = written(*(f"job {n} failed\n{n} {'trace ' * 2000}" for n in range(60)))
    models = {trained(rows, limits=limits).to_bytes() for limits in (SMALL, SMALL_PLAIN, PLAIN, None)}
    (template,) = LogModel.from_json(models.pop()).templates
    assert not models
    assert [position.exact for position in template.positions] == [True, False]


def test_a_training_ends_where_what_is_mined_is_never_matched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KnownTemplates, "listed", lambda known: [])
    monkeypatch.setattr(KnownTemplates, "find", lambda *given: None)
    for limits in (SMALL, SMALL_PLAIN):
        with pytest.raises(RuntimeError, match="does not match"):
            trained(styled(), limits=limits)


def test_a_word_that_is_new_at_a_place_widens_the_template_of_the_baseline() -> None:
    before = trained(written("copied file to disk sda", "door opened by card", "link eth is UP now"))
    after = trained(
        written(
            "copied file to disk sdb",
            "copied file to disk sda",
            "door closed by card",
            "link eth is DOWN now",
        ),
        baseline=before,
    )
    names = {template.id: template.text for template in before.templates}
    assert {template.text: names.get(template.id) for template in after.templates} == {
        "copied file to disk <*>": "copied file to disk sda",
        "door closed by card": None,
        "link eth is DOWN now": None,
    }
    (widened,) = (template for template in after.templates if template.count == 2)
    assert widened.positions[0].values == (("sda", 1), ("sdb", 1))


@pytest.mark.parametrize("seed", range(8))
def test_with_a_baseline_too_the_matcher_finds_the_template_that_counts_the_entry(seed: int) -> None:
    random = Random(seed)
    vocabulary = random.sample(["user", "root", "for", "start", "is", "on", "sda", "UP", "x.y", "A_b"], 6)
    before, after = (
        [" ".join(random.choices(vocabulary, k=4)) for _ in range(random.randint(5, 60))] for _ in range(2)
    )
    model = trained(written(*after), baseline=trained(written(*before)))
    for compiled in (True, False):
        found = Matcher(model, Masks(), compiled=compiled).templates(after, [None] * len(after))
        assert Counter(found) == {template.id: template.count for template in model.templates}


def test_messages_that_come_again_are_counted_like_others() -> None:
    random = Random(3)
    rows = styled()[:200] * 5
    rows = [(FIRST + random.randrange(50) * SECOND, message, None) for _, message, _ in rows]
    expected = trained(rows).to_bytes()
    for order in (rows, rows[::-1], sorted(rows), sorted(rows, reverse=True)):
        assert trained(order, limits=Limits(block=100)).to_bytes() == expected
        assert trained(order, limits=Limits(block=100, compiled=False)).to_bytes() == expected
    some = [(time, message, random.choice([None, '{"severity":"error"}'])) for time, message, _ in rows]
    for limits in (Limits(block=100), Limits(block=100, compiled=False)):
        assert trained(some, limits=limits).to_bytes() == trained(some).to_bytes()
