"""What is known of a position's values does not depend on their order, nor on how they were added."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logleap.miner.description.values import Sketch, Values, decimal, number_of, numbers_of, type_of

number = st.one_of(
    st.integers(-(10**18) + 1, 10**18 - 1).map(str),
    st.decimals(-1000, 1000, places=3).map(str),
    st.sampled_from(
        ["0", "-0", "0.0", "-0.0", "007", "5ms", "5 ms", "5.0ms", "12s", "3 °C", "1e9", "9" * 19]
    ),
)
value = st.one_of(number, st.text("a1. ms\n", max_size=6))
lists = st.one_of(st.lists(value, min_size=1, max_size=30), st.lists(number, min_size=1, max_size=30))


@given(lists, st.integers(1, 8), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_one_by_one_all_at_once_and_merged_give_the_same(
    values: list[str], bound: int, random: Random
) -> None:
    at_once = Values(bound)
    at_once.add(values)
    merged = Values(bound)
    rest = random.sample(values, len(values))
    while rest:
        size = random.randint(1, len(rest))
        part = Values(bound)
        if random.random() < 0.5:
            part.add(rest[:size])
        else:
            for one, count in Counter(rest[:size]).items():
                part.add_counted(one, count)
        merged.merge(part)
        rest = rest[size:]
    expected = at_once.position(bound, 3, values[0], values[-1])
    assert merged.position(bound, 3, values[0], values[-1]) == expected
    assert sum(expected.types.values()) == len(values)
    assert expected.exact == (len(set(values)) <= bound)
    wide = Values(1000)
    wide.add(values)
    assert wide.position(bound, 3, values[0], values[-1]) == expected
    assert wide.position(bound, 3, values[0], values[-1]) == expected  # nothing is used up


@given(st.lists(st.one_of(st.integers(-(10**17), 10**17), st.floats(-1e17, 1e17)), min_size=1, max_size=200))
@settings(max_examples=60, deadline=None)
def test_quantiles_are_at_most_a_128th_nearer_to_zero(numbers: list[float]) -> None:
    sketch = Sketch()
    sketch.add(numbers)
    ordered = sorted(numbers)
    # A float holds no integer above 2^53 exactly, and the sketch writes integers exactly.
    quantiles = {name: float(text) if "." in text else int(text) for name, text in sketch.quantiles().items()}
    for name, found in quantiles.items():
        exact = ordered[round(float(name) * 100) * (len(ordered) - 1) // 100]
        assert abs(found) <= abs(exact) or found in (ordered[0], ordered[-1])
        assert abs(found - exact) <= abs(exact) / 128 + 1e-300
    assert sketch.minimum <= quantiles["0.01"]
    assert quantiles["0.99"] <= sketch.maximum


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12", ("", 12)),
        ("-3.50", ("", -3.5)),
        ("5ms", ("ms", 5)),
        ("5 ms", ("ms", 5)),
        ("21 °C", ("°C", 21)),
        ("1e9", None),
        ("nan", None),
        ("1_000", None),
        ("9" * 19, None),
        ("٣", None),
    ],
)
def test_a_number_may_have_a_unit(text: str, expected: object) -> None:
    assert number_of(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("17", "number"),
        ("10.0.0.1:80", "ip"),
        ("fe80::1", "ip"),
        ("123e4567-e89b-12d3-a456-426614174000", "uuid"),
        ("2026-01-02T03:04:05Z", "time"),
        ("12:30:45.678", "time"),
        ("0x1F", "hex"),
        ("deadbeef01", "hex"),
        ("https://example.com/a?b", "url"),
        ("/var/log/a.log", "path"),
        ("1, 2, 3", "list"),
        ("blk_-12", "word"),
        ("two words", "text"),
        ("", "text"),
    ],
)
def test_a_value_has_a_type(text: str, expected: str) -> None:
    assert type_of(text) == expected


@pytest.mark.parametrize(
    ("value", "text"), [(5, "5"), (5.0, "5"), (0.1, "0.1"), (1e17, "100000000000000000"), (1e-7, "0.0000001")]
)
def test_a_number_is_written_without_an_exponent(value: float, text: str) -> None:
    assert decimal(value) == text


def test_a_value_with_a_line_break_is_not_two_numbers() -> None:
    assert numbers_of(["14", "12\n13"]) is None
    assert numbers_of(["3 ms", "1 ms\n2 ms"]) is None
    values = Values(0)
    values.add(["11"])
    values.add(["14", "12\n13"])
    position = values.position(0, 1, "11", "14")
    assert position.types == {"number": 2, "text": 1}


@pytest.mark.parametrize("ends", [("576460752303423488", "576460752303423488.0")])
def test_of_an_integer_and_an_equal_decimal_the_integer_is_the_end(ends: tuple[str, str]) -> None:
    written = set()
    for order in (ends, ends[::-1]):
        one, both, other = Values(2), Values(2), Values(2)
        both.add(order)
        one.add(order[:1])
        other.add(order[1:])
        one.merge(other)
        for values in (one, both):
            (found,) = values.position(2, 2, *ends).numbers
            written |= {found.minimum, found.maximum}
    assert written == {ends[0]}


def test_long_values_count_for_more_so_that_few_of_them_are_held() -> None:
    values = Values(256)
    for number in range(20):
        values.add([f"{number} {'x' * 20_000}"])
    assert not values.position(256, 20, "a", "b").exact
    values.merge(other := Values(256))
    other.add(["y" * 200_000])
    assert other.position(256, 20, "a", "b").exact
