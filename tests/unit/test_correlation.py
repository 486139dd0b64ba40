"""Which trace the log lines of a request are bound to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logleap.entrypoints.correlation import trace_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


@pytest.mark.parametrize(("flags", "sampled"), [("01", True), ("00", False), ("03", True)])
def test_traceparent_gives_trace_span_and_whether_it_is_sampled(flags: str, sampled: bool) -> None:
    assert trace_of(f"00-{TRACE}-{SPAN}-{flags}") == {
        "trace": TRACE,
        "spanId": SPAN,
        "traceSampled": sampled,
    }


def test_a_later_version_of_traceparent_is_understood() -> None:
    assert trace_of(f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like")["trace"] == TRACE


def test_the_decimal_span_of_googles_header_becomes_sixteen_hex_digits() -> None:
    assert trace_of(None, f"{TRACE.upper()}/74;o=1") == {
        "trace": TRACE,
        "spanId": "000000000000004a",
        "traceSampled": True,
    }


def test_googles_header_may_have_the_trace_alone() -> None:
    assert trace_of(None, TRACE) == {"trace": TRACE}


def test_a_span_that_is_no_64_bit_number_is_left_out() -> None:
    assert trace_of(None, f"{TRACE}/{2**64}") == {"trace": TRACE}


def test_traceparent_wins_and_googles_header_helps_out() -> None:
    other = "f" * 32
    google = f"{other}/1;o=0"
    assert trace_of(f"00-{TRACE}-{SPAN}-00", google)["trace"] == TRACE
    assert trace_of("rubbish", google)["trace"] == other


@pytest.mark.parametrize(
    "value",
    ["", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE}-{SPAN}", f"{TRACE}-{SPAN}"],
)
def test_what_is_no_traceparent_binds_nothing(value: str) -> None:
    assert trace_of(value) == {}


@given(st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0")))
def test_no_header_makes_it_fail_and_what_it_finds_is_well_formed(value: str) -> None:
    for trace in (trace_of(value), trace_of(None, value)):
        assert trace == {} or int(str(trace["trace"]), 16)
