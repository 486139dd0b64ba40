"""What a comparison reports, what it leaves alone, and the file it writes."""

import json
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logleap.miner.compare import Change, Changes, Thresholds, compare
from logleap.miner.compare.changes import Reference, schema
from logleap.miner.compare.find import Finder
from logleap.miner.compare.ignore import Ignore
from logleap.miner.errors import ModelDamaged, ModelError, ModelTooNew
from logleap.miner.model import LogModel, Template, template_id
from logleap.miner.text.mask import Masks
from logleap.miner.train import train

SECOND = 1_000_000
HOUR = 3600 * SECOND
MASKS = Masks()
Log = list[tuple[int, str]]


@dataclass(frozen=True)
class Block:
    micros: Sequence[int]
    messages: Sequence[str]
    contexts: Sequence[str | None]


def model(log: Log, baseline: LogModel | None = None) -> LogModel:
    block = Block([time for time, _ in log], [message for _, message in log], [None] * len(log))
    return train([block] if log else [], masks=MASKS, open_file=tempfile.TemporaryFile, baseline=baseline)


def changes(before: Log, after: Log, ignore: Iterable[str] = ()) -> Changes:
    baseline = model(before)
    return compare(baseline, model(after, baseline), ignore)


def evenly(count: int, message: str, seed: int = 1, hours: int = 10) -> Log:
    """Entries at random times of some hours; {} in the message is a number from 10 to 20."""
    chance = Random(f"{seed} {message}")
    return [
        (chance.randrange(hours * HOUR), message.replace("{}", str(chance.randint(10, 20))))
        for _ in range(count)
    ]


def routine(seed: int = 1, hours: int = 10) -> Log:
    """Six messages of a routine."""
    return [
        *evenly(40 * hours, "INFO request of user served in {} ms", seed, hours),
        *evenly(20 * hours, "INFO connection opened to the database", seed, hours),
        *evenly(20 * hours, "INFO connection closed to the database", seed, hours),
        *evenly(10 * hours, "DEBUG cache was cleaned of {} items", seed, hours),
        *evenly(5 * hours, "WARNING queue is longer than {} jobs", seed, hours),
        *evenly(2 * hours, "ERROR upload refused by the gateway", seed, hours),
        *[(time, "INFO started") for time in (0, hours * HOUR)],
    ]


def found(result: Changes) -> list[tuple[str, str | None]]:
    return [(change.kind, change.text) for change in result.changes]


def the(result: Changes, kind: str) -> Change:
    [change] = [change for change in result.changes if change.kind == kind]
    return change


def test_the_same_routine_at_other_times_shows_no_change() -> None:
    assert found(changes(routine(1), routine(2))) == []


def test_a_set_of_another_length_is_compared_by_rates() -> None:
    result = changes(routine(1), routine(2, hours=40))
    assert found(result) == []
    assert float(result.size) == pytest.approx(4, rel=0.2)
    assert found(changes(routine(1, hours=40), routine(2))) == []


def test_a_new_template_is_reported_first_and_by_its_first_time() -> None:
    after = [*routine(2), (5 * HOUR, "ERROR disk is full"), (4 * HOUR, "ERROR disk is full")]
    change = changes(routine(), after).changes[0]
    assert (change.kind, change.text, change.severity) == ("new", "ERROR disk is full", "error")
    assert change.first == 4 * HOUR
    assert change.numbers == {"before": 0, "after": 2}
    assert change.sentence == (
        'New error: "ERROR disk is full", 2 entries, first at 1970-01-01T04:00:00.000Z.'
    )
    assert [example.message for example in change.examples] == ["ERROR disk is full"] * 2


def test_a_message_that_no_longer_comes_is_gone() -> None:
    result = changes(routine(), [entry for entry in routine(2) if "opened" not in entry[1]])
    assert found(result) == [("gone", "INFO connection opened to the database")]
    change = result.changes[0]
    assert (change.numbers["before"], change.numbers["after"]) == (200, 0)
    assert "Gone: " in change.sentence
    assert "200 entries in the baseline, none where about" in change.sentence


def test_a_message_whose_absence_is_chance_is_not_gone() -> None:
    before = [*routine(), *evenly(9, "INFO configuration was read again")]
    assert found(changes(before, routine(2))) == []
    # 20 in ten times as long a baseline: two were expected.
    rare = [*routine(hours=100), *evenly(20, "INFO configuration was read again", hours=100)]
    assert found(changes(rare, routine(2))) == []


def test_a_rate_that_triples_is_shifted_from_when_it_does() -> None:
    more = evenly(200, "DEBUG cache was cleaned of {} items", 3)
    late = [(6 * HOUR + time * 2 // 5, message) for time, message in more]
    result = changes(routine(), [*routine(2), *late])
    change = the(result, "shifted")
    assert change.text == "DEBUG cache was cleaned of <*> items"
    assert (change.numbers["before"], change.numbers["after"]) == (100, 300)
    assert 2.5 < float(change.numbers["ratio"]) < 3.5
    assert change.first is not None
    assert 5 * HOUR < change.first < 7 * HOUR


def test_a_rate_that_doubles_by_little_is_of_no_importance() -> None:
    more = evenly(300, "INFO request of user served in {} ms", 3)  # 1.75 times, and significant
    assert found(changes(routine(), [*routine(2), *more])) == []


def test_a_flood_of_one_message_makes_no_other_one_rarer() -> None:
    flood = evenly(5000, "DEBUG cache was cleaned of {} items", 3)
    assert found(changes(routine(), [*routine(2), *flood])) == [
        ("shifted", "DEBUG cache was cleaned of <*> items")
    ]


def burst(start: int, count: int) -> Log:
    return [(start + at * SECOND, "WARNING connection lost") for at in range(count)]


def test_bursts_do_not_alarm_every_time() -> None:
    before = [*routine(), *burst(2 * HOUR, 150)]
    assert found(changes(before, [*routine(2), *burst(7 * HOUR, 400)])) == []
    assert found(changes(before, routine(2))) == []


def test_as_many_entries_evenly_do_alarm() -> None:
    before = [*routine(), *evenly(150, "WARNING connection lost")]
    after = [*routine(2), *evenly(400, "WARNING connection lost", 2)]
    assert ("shifted", "WARNING connection lost") in found(changes(before, after))


def test_more_errors_as_a_share_are_a_change_of_severity() -> None:
    more = [*evenly(30, "ERROR upload refused by the gateway", 3), *evenly(30, "CRITICAL no heartbeat", 3)]
    before = [*routine(), *evenly(15, "CRITICAL no heartbeat")]
    result = changes(before, [*routine(2), *evenly(15, "CRITICAL no heartbeat", 2), *more])
    change = the(result, "severity")
    assert (change.severity, change.template) == ("error", None)
    assert (change.numbers["before"], change.numbers["after"]) == (35, 95)
    assert change.sentence.startswith("More errors: 9.")
    assert change.examples


def test_a_share_that_grows_because_another_message_is_gone_is_none() -> None:
    before = [*routine(), *evenly(2000, "INFO heartbeat")]
    assert found(changes(before, routine(2))) == [("gone", "INFO heartbeat")]


def valued(values: Sequence[str], message: str = "INFO state of the pump is: {}") -> Log:
    return [
        *routine(),
        *[(at * 10 * HOUR // len(values), message.replace("{}", value)) for at, value in enumerate(values)],
    ]


STATES = ["10", "20", "30"] * 40


def test_a_value_that_was_never_seen_among_few_is_a_change() -> None:
    change = the(changes(valued(STATES), valued([*STATES[:-1], "99"])), "value")
    assert change.sentence == (
        'Never seen before at position 1 (after "is") of "INFO state of the pump is: <*>": 99. '
        "Known: 10, 20, 30."
    )
    assert change.where is not None
    assert change.where.known == ("10", "20", "30")


def test_a_word_that_was_always_the_same_and_differs_now_is_a_never_seen_value() -> None:
    message = "INFO water is taken from pump_north by the line"
    before = [*routine(), *evenly(60, message)]
    after = [*routine(2), *evenly(59, message), (HOUR, message.replace("north", "south"))]
    change = the(changes(before, after), "value")
    assert "pump_south" in change.sentence
    assert "Known: pump_north." in change.sentence
    assert change.text == "INFO water is taken from <*> by the line"
    assert found(changes(after, before)) == []


@pytest.mark.parametrize("extreme", [["180"], ["-70"]], ids=["above", "below"])
def test_a_number_far_outside_the_range_is_a_change(extreme: list[str]) -> None:
    chance = Random(4)
    usual = [f"{chance.randint(200, 400) / 10}" for _ in range(200)]
    again = [f"{chance.randint(200, 400) / 10}" for _ in range(200)]
    assert found(changes(valued(usual), valued(again))) == []
    change = the(changes(valued(usual), valued([*again, *extreme])), "value")
    assert change.sentence.startswith('Out of range at position 1 (after "is") of "INFO state')
    assert extreme[0] in change.sentence
    assert change.where is not None
    assert (change.where.above or change.where.below) in ("40", "20.1")


@pytest.mark.parametrize("shift", [160, -90], ids=["above", "below"])
def test_the_entries_with_numbers_outside_the_range_are_found(shift: int) -> None:
    chance = Random(4)
    usual = [f"{chance.randint(200, 400) / 10}" for _ in range(200)]
    odd = [f"{float(value) + shift:.1f}" for value in usual[:5]]
    before, after = valued(usual), valued([*usual[:-9], *odd, "12 ms", *usual[:3]])
    baseline = model(before)
    current = model(after, baseline)
    finder = Finder(compare(baseline, current), current, MASKS)
    times, messages = [time for time, _ in after], [message for _, message in after]
    finder.add(["batch"] * len(after), range(7, 7 + len(after)), times, messages, [None] * len(after))
    finder.add([], [], [], [], [])
    change = the(finder.changes(), "value")
    assert [example.message.rpartition(" ")[2] for example in change.examples] == odd[:3]
    assert change.first == change.examples[0].timestamp
    assert change.examples[0].entry is not None
    assert messages[change.examples[0].entry.sequence - 7].endswith(odd[0])


def test_a_choice_of_more_values_than_the_model_counts_is_a_change() -> None:
    words = [f"state-{first}{second}" for first in "abcdefghijklmnopqr" for second in "abcdefghijklmnopqr"]
    change = the(changes(valued(["state-x", "state-y"] * 170), valued([*words, *words[:16]])), "value")
    assert "more than 256 values" in change.sentence


def test_where_half_of_the_templates_change_either_way_the_size_is_between() -> None:
    kinds = ["alpha", "beta of two", "gamma is here again", "delta", "epsilon was read", "zeta or eta or"]

    def log(counts: Sequence[int]) -> Log:
        return [entry for kind, count in zip(kinds, counts, strict=True) for entry in evenly(count, kind)]

    result = changes(log([100, 100, 100, 400, 400, 400]), log([400, 400, 400, 100, 100, 100]))
    assert float(result.size) == pytest.approx(1)
    assert result.counts["shifted"] == 6


def test_numbers_that_lie_elsewhere_within_the_range_are_a_change() -> None:
    chance = Random(5)
    usual = [f"{min(90, max(10, chance.gauss(30, 8))):.1f} ms" for _ in range(300)]
    slower = [f"{min(90, max(10, chance.gauss(50, 8))):.1f} ms" for _ in range(300)]
    usual[0] = slower[0] = "10 ms"
    usual[1] = slower[1] = "90 ms"
    change = the(changes(valued(usual), valued(slower)), "value")
    assert change.sentence.startswith("Other numbers at position 1")
    assert float(str(change.numbers["distance"])) >= 0.25


def test_heavy_tails_do_not_alarm() -> None:
    for seed in range(10):
        chance = Random(seed)
        before, after = ([f"{chance.lognormvariate(3, 1):.3f}" for _ in range(300)] for _ in range(2))
        assert found(changes(valued(before), valued(after))) == []


UUID = "-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([str(1000 + at) for at in range(300)], [str(1300 + at) for at in range(300)]),
        ([str(10_000 + at * 7) for at in range(40)], [str(99_000 - at * 8) for at in range(40)]),
        ([f"2026-03-0{at % 9 + 1}" for at in range(300)], [f"2026-04-0{at % 9 + 1}" for at in range(300)]),
        ([f"{at:08x}{UUID}" for at in range(3)] * 50, [f"99999999{UUID}"] * 150),
        ([f"req-{at}" for at in range(300)], [f"req-{at}" for at in range(300, 600)]),
    ],
    ids=["counter", "identifiers", "dates", "uuids", "names"],
)  # fmt: skip
def test_identifiers_counters_and_times_never_alarm(before: list[str], after: list[str]) -> None:
    assert found(changes(valued(before), valued(after))) == []


def test_values_of_one_burst_are_not_many_observations() -> None:
    def at_once(values: Iterable[int]) -> Log:
        return [(HOUR + at, f"INFO state of the pump is: {value}") for at, value in enumerate(values)]

    chance = Random(6)
    before = [*routine(), *at_once(chance.randint(10, 40) for _ in range(200))]
    after = [*routine(2), *at_once(chance.randint(35, 45) for _ in range(200))]
    assert found(changes(before, after)) == []


def test_a_list_of_another_length_is_neither_new_nor_is_the_other_one_gone() -> None:
    before = [*routine(), *evenly(50, "INFO blocks to delete: 1 2 3")]
    assert found(changes(before, [*routine(2), *evenly(50, "INFO blocks to delete: 1 2 3 4 5")])) == []


def test_a_flood_of_lists_of_another_length_is_a_shift() -> None:
    before = [*routine(), *evenly(12, "INFO blocks lost: 1 2")]
    after = [*routine(2), *evenly(12, "INFO blocks lost: 1 2", 2), *evenly(900, "INFO blocks lost: 1 2 3")]
    change = the(changes(before, after), "shifted")
    assert change.text == "INFO blocks lost: <*> <*>"
    assert (change.numbers["before"], change.numbers["after"]) == (12, 912)


def test_errors_that_come_in_bursts_are_no_larger_share_though_others_are_fewer() -> None:
    def burst(count: int, at: int) -> Log:
        return [(at * HOUR + second, "ERROR upload of a part failed") for second in range(count)]

    often = evenly(3000, "INFO heartbeat of the pump")
    before = [*evenly(600, "INFO request served"), *often, *burst(10, 3)]
    after = [*evenly(600, "INFO request served", 2), *burst(16, 6)]
    assert "severity" not in [kind for kind, _ in found(changes(before, after))]


def test_small_figures_keep_their_digits() -> None:
    before = [*routine(hours=10), *evenly(20_000, "INFO a line of many")]
    result = changes(before, [(HOUR, "INFO started"), *evenly(3, "INFO a line of many", 3)])
    assert 0 < float(result.size) < 0.01
    assert len(result.size.lstrip("0.")) >= 2


NEW = "ERROR disk /dev/7 is full"


NEW_ID = template_id("error", ["ERROR", "disk", "<*>", "is", "full"])


@pytest.mark.parametrize("pattern", ["ERROR disk <*> is full", "ERROR*full", "*disk*", "*", NEW_ID])
def test_what_is_ignored_is_not_reported(pattern: str) -> None:
    after = [*routine(2), *evenly(60, NEW)]
    assert {change.kind for change in changes(routine(), after).changes} == {"new", "severity"}
    result = changes(routine(), after, [pattern, "no such text"])
    assert found(result) == []
    assert result.ignored == tuple(sorted([pattern, "no such text"]))


@pytest.mark.parametrize("pattern", ["ERROR disk", "disk*", "error*", "*full!", "ERROR*full*full"])
def test_a_pattern_is_of_the_whole_text(pattern: str) -> None:
    assert "new" in [kind for kind, _ in found(changes(routine(), [*routine(2), (HOUR, NEW)], [pattern]))]


@settings(max_examples=50)
@given(st.text("ab*", max_size=8), st.text("ab", max_size=12))
def test_a_pattern_matches_as_its_expression_does(pattern: str, text: str) -> None:
    template = Template("0" * 16, None, (text,), 1, 0, 0)
    expression = ".*".join(map(re.escape, pattern.split("*")))
    assert (template in Ignore([pattern])) == bool(pattern and re.fullmatch(expression, text))


def test_a_pattern_of_many_wildcards_takes_no_longer_for_a_text_it_almost_matches() -> None:
    text = "a" * 100_000
    assert Template("0" * 16, None, (text,), 1, 0, 0) not in Ignore(["*a" * 5_000 + "b*a"])


def test_models_that_were_mined_apart_are_refused() -> None:
    with pytest.raises(ValueError, match="not trained with this baseline"):
        compare(model(routine()), model(routine(2)))


@pytest.mark.parametrize(("before", "after"), [([], []), ([], routine()), (routine(), [])], ids=str)
def test_empty_sets_can_be_compared(before: Log, after: Log) -> None:
    result = changes(before, after)
    assert {change.kind for change in result.changes} <= {"new", "gone"}
    assert Changes.from_json(result.to_bytes()) == result


def test_the_changes_before_the_first_error_are_in_the_order_of_time() -> None:
    after = [
        *[entry for entry in routine(2) if "opened" not in entry[1]],
        (3 * HOUR, "INFO configuration was changed"),
        (2 * HOUR, "WARNING certificate expires soon"),
        (4 * HOUR, "ERROR no connection to the broker"),
        (5 * HOUR, "ERROR giving up"),
    ]
    result = changes(routine(), after)
    assert result.first_error == 4 * HOUR
    assert [change.text for change in result.before_first_error] == [
        "INFO connection opened to the database",
        "WARNING certificate expires soon",
        "INFO configuration was changed",
        "ERROR no connection to the broker",
    ]


def test_without_an_error_that_is_new_it_is_the_first_of_all() -> None:
    errors = [time for time, message in routine(2) if message.startswith("ERROR")]
    assert changes(routine(), routine(2)).first_error == min(errors)
    calm = [entry for entry in routine(2) if not entry[1].startswith("ERROR")]
    assert changes(calm, calm).first_error is None
    assert changes(calm, calm).before_first_error == ()


def test_one_event_in_many_templates_does_not_hide_the_others() -> None:
    many = [entry for count in range(15) for entry in evenly(90, f"INFO at {{}} picked{' a part' * count}")]
    result = changes([*routine(), *many], [*routine(2), (HOUR, "WARNING hello")])
    assert len(result.changes) == 16
    assert "new" in [change.kind for change in result.changes[:6]]


def test_a_sentence_holds_nothing_that_a_terminal_obeys() -> None:
    after = [*routine(2), (HOUR, "bell \x07 and \x1b[31mred\u202e and " + "long " * 100)]
    change = changes(routine(), after).changes[0]
    assert change.sentence.isprintable()
    assert len(change.sentence) < 250


def everything() -> tuple[LogModel, LogModel, Log]:
    """A baseline and a current set in which there is a change of every kind."""
    before = [*valued([*STATES, *STATES]), *evenly(15, "CRITICAL no heartbeat")]
    after = [
        *[entry for entry in valued([*STATES, *STATES[2:], "99", "98"]) if "opened" not in entry[1]],
        *evenly(90, "CRITICAL no heartbeat", 2),
        *evenly(12, "ERROR disk is full", 3),
    ]
    baseline = model(before)
    return baseline, model(after, baseline), after


def test_all_kinds_are_written_and_read_and_match_the_schema() -> None:
    baseline, current, _ = everything()
    result = compare(baseline, current, ["known *"], Thresholds(smallest_ratio=2.5))
    assert {change.kind for change in result.changes} == {"new", "gone", "shifted", "value", "severity"}
    content = result.to_bytes()
    document = json.loads(content)
    assert json.dumps(document, sort_keys=True, separators=(",", ":")).encode("ascii") == content
    jsonschema_rs.validate(json.loads(schema()), document)
    assert Changes.from_json(content) == result
    assert Changes.from_json(content).thresholds.smallest_ratio == 2.5
    scores = [float(change.score) for change in result.changes]
    assert scores == sorted(scores, reverse=True)


def test_changes_that_were_cut_edited_or_written_later_are_refused() -> None:
    content = changes(routine(), [*routine(2), (HOUR, NEW)]).to_bytes()
    with pytest.raises(ModelDamaged, match="not JSON"):
        Changes.from_json(content[:-9])
    with pytest.raises(ModelDamaged, match="edited"):
        Changes.from_json(content.replace(b'"ignored":[]', b'"ignored": []'))
    with pytest.raises(ModelDamaged, match="missing or wrong"):
        Changes.from_json(content.replace(b'"ignored":[]', b'"ignored":7'))
    with pytest.raises(ModelTooNew, match="version 2"):
        Changes.from_json(content.replace(b'"version":1', b'"version":2'))
    with pytest.raises(ModelError, match="not changes"):
        Changes.from_json(b'{"format":"logleap-log-model"}')


def test_the_entries_that_show_a_change_are_found_in_any_order() -> None:
    baseline, current, after = everything()
    result = compare(baseline, current)

    def look(order: Sequence[int]) -> Changes:
        finder = Finder(result, current, MASKS)
        for at in order:
            time, message = after[at]
            finder.add([f"batch-{at // 100}"], [at % 100], [time], [message], [None])
        return finder.changes()

    forward = look(range(len(after)))
    assert forward == look(range(len(after))[::-1])
    assert Changes.from_json(forward.to_bytes()) == forward
    jsonschema_rs.validate(json.loads(schema()), json.loads(forward.to_bytes()))

    whole = Finder(result, current, MASKS)
    for start in range(0, len(after), 100):
        part = after[start : start + 100]
        times, messages = [time for time, _ in part], [message for _, message in part]
        batch, none = [f"batch-{start // 100}"] * len(part), [None] * len(part)
        whole.add(batch, range(len(part)), times, messages, none)
    assert whole.changes() == forward

    places = {
        Reference(f"batch-{at // 100}", at % 100): (time, message) for at, (time, message) in enumerate(after)
    }
    for change in forward.changes:
        for example in change.examples:
            if change.kind == "gone":
                assert example.entry is None
            else:
                assert example.entry is not None
                assert places[example.entry] == (example.timestamp, example.message)
    value = the(forward, "value")
    assert [example.message[-2:] for example in value.examples] == ["99", "98"]
    assert value.first == value.examples[0].timestamp
    error = next(change for change in forward.changes if change.kind == "new")
    assert error.first == error.examples[0].timestamp
    assert len(error.examples) == 3
    assert error.examples == tuple(sorted(error.examples, key=lambda example: example.timestamp))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-(10**15), 10**15), st.text(max_size=20)), max_size=30),
    st.lists(st.tuples(st.integers(-(10**15), 10**15), st.text(max_size=20)), max_size=30),
    st.integers(1, 40),
)
def test_whatever_the_entries_the_changes_are_valid(before: Log, after: Log, times: int) -> None:
    result = changes(before * times, after * times)
    document = result.to_bytes()
    jsonschema_rs.validate(json.loads(schema()), json.loads(document))
    assert Changes.from_json(document) == result
    assert all(change.sentence.isprintable() for change in result.changes)


def test_changes_beyond_those_listed_are_counted() -> None:
    baseline, current, _ = everything()
    result = compare(baseline, current)
    assert result.counts == {kind: [c.kind for c in result.changes].count(kind) for kind in result.counts}
    short = compare(baseline, current, thresholds=Thresholds(listed=2))
    assert short.changes == result.changes[:2]
    assert (short.counts, short.first_error) == (result.counts, result.first_error)


def test_thresholds_are_parameters() -> None:
    more = evenly(300, "INFO request of user served in {} ms", 3)
    baseline = model(routine())
    current = model([*routine(2), *more], baseline)
    assert compare(baseline, current).changes == ()
    eager = compare(baseline, current, thresholds=replace(Thresholds(), smallest_ratio=1.5))
    assert [change.kind for change in eager.changes] == ["shifted"]


def test_the_page_lists_every_threshold_with_its_value() -> None:
    page = (Path(__file__).parents[3] / "docs" / "log-model.md").read_text("utf-8")
    listed = dict(re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", page, re.MULTILINE))
    assert listed == {name: str(value) for name, value in asdict(Thresholds()).items()}


def test_the_page_explains_every_figure_of_a_change() -> None:
    page = (Path(__file__).parents[3] / "docs" / "log-model.md").read_text("utf-8")
    baseline, current, _ = everything()
    used = {name for change in compare(baseline, current).changes for name in change.numbers}
    assert all(f"`{name}`" in page for name in used)
