"""Masking: what becomes a value, masks of one's own, and that other engines read the expressions alike."""

import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logleap.miner.errors import MasksRefused
from logleap.miner.text import own_masks
from logleap.miner.text.mask import Masks

OWN = b"""
[masks]
ticket = '[A-Z]{2,6}-[0-9]+'
session = 'sess_[a-z]{4}(?:!|\\?[xy]*)?'
other = '\\$[^ ,]{1,8}|\\\\d'
"""

messages = st.lists(
    st.one_of(
        st.text(max_size=20),
        st.text("A-9 1.:,=\n\0é$\\dsess_abcd!?xZ", max_size=30),
        st.sampled_from(["ABC-12 x", "sess_abcd?xyz 5", "10.0.0.1:80: up", "$12,3"]),
    ),
    min_size=1,
    max_size=8,
)


def masked(masks: Masks, *given: str) -> list[str]:
    return [message.replace("\0", "<*>") for message in masks.mask(given)[0]]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("took 12ms, 3.50 of 7.", "took <*>, <*> of <*>."),
        ("10.0.0.1:80: up at 2026-01-02T03:04:05.678Z", "<*>: up at <*>"),
        ("blk_-12 (0x1f) [a1b2]", "blk_-<*> (<*>) [a<*>]"),
        ("no value", "no value"),
        ("a\nb 1", "a\x1db <*>"),
    ],
)
def test_a_value_begins_at_a_digit_and_ends_before_blanks_brackets_and_full_stops(
    message: str, expected: str
) -> None:
    assert masked(Masks(), message) == [expected]


@given(messages, st.sampled_from([Masks(), own_masks.read(OWN)]))
@settings(max_examples=50, deadline=None)
def test_masked_messages_and_values_together_are_the_messages(given: list[str], masks: Masks) -> None:
    found, values = masks.mask(given)
    assert len(found) == len(given)
    left = iter(values)
    rebuilt = [
        "".join(next(left) if character == "\0" else character for character in message) for message in found
    ]
    assert rebuilt == [message.replace("\n", "\x1d").replace("\0", "\ufffd") for message in given]
    assert next(left, None) is None


def test_a_complement_does_not_go_beyond_a_line() -> None:
    marked = own_masks.read(b"[masks]\nmark = '<[^>]+>'")
    assert masked(marked, "a <b c> d", "a <b\nc> d") == ["a <*> d", "a <b\x1dc> d"]


@given(messages, st.sampled_from([Masks(), own_masks.read(OWN)]))
@settings(max_examples=50, deadline=None)
def test_re2_cuts_at_the_same_places_as_the_standard_library(given: list[str], masks: Masks) -> None:
    text = "\n".join(given).replace("\x1f", "").replace("\0", "")

    def split(text: str) -> Sequence[str]:
        marked = pc.replace_substring_regex(pa.array([text]), f"({masks.pattern})", "\x1f\\1\x1f")
        return str(marked[0].as_py()).split("\x1f")

    assert split(text) == re.compile(f"({masks.pattern})", re.ASCII).split(text)
    again = [message.replace("\x1f", "").replace("\0", "") for message in given]
    assert Masks(masks.expressions, split).mask(again) == masks.mask(again)


def test_own_masks_come_first_and_change_the_digest() -> None:
    masks = own_masks.read(OWN)
    assert masked(masks, "see ABC-12 of sess_abcd! for $ab or \\d") == ["see <*> of <*> for <*> or <*>"]
    assert len({masks.digest, Masks().digest, own_masks.read(OWN.replace(b"ticket", b"issue")).digest}) == 3


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("a.b", r"character 2: \. is not part of the syntax"),
        ("^a", r"\^ is not part"),
        ("a|", "matches nothing at all"),
        ("a*", "matches nothing at all"),
        ("a)", "closes no group"),
        ("(a)", r"a group begins with \(\?:"),
        ("(?:a", "not closed"),
        ("(?:ab)+", "a group must not be repeated"),
        ("(?:a|ab)c", "must each begin with other characters"),
        ("(?:a|)c", "must each begin with other characters"),
        ("(?=a)b", r"a group begins with \(\?:"),
        ("[a-z]+[a-f]", "could also take this"),
        ("[a-z]{2,5}[0-9]?x", "could also take this"),
        ("(?:ab)?ac", "could also take this"),
        ("a{65}", "up to 64 times"),
        ("a{5,2}", "the smaller number first"),
        ("a{,2}", r"after \{ comes a number"),
        ("a+?", "one quantifier follows another"),
        ("a\\b", "a backslash stands before punctuation, d or w"),
        ("\\", "a backslash stands before"),
        ("é", "only printable ASCII"),
        ("[é]", "only printable ASCII"),
        ("[a", "the set is not closed"),
        ("[]", "the set is empty"),
        ("[z-a]", "a range goes from"),
        ("[[:alpha:]]", r"write \\\[ for the character"),
        ("(?:" * 6 + "a" + ")" * 6, "nested more than five times"),
    ],
)
def test_what_engines_read_differently_or_slowly_is_refused(expression: str, why: str) -> None:
    with pytest.raises(MasksRefused, match=rf"Mask own, character [0-9]+: .*{why}|{why}"):
        own_masks.read(f"[masks]\nown = '{expression}'".encode())


@pytest.mark.parametrize(
    "content",
    [
        *(
            b"\xff",
            b"x",
            b"a = 1",
            b"[masks]\nA = 'x'",
            b"[masks]\na = 1",
            b"[masks]\na = ''",
            b"[masks]\n[b]",
        ),
        b"[masks]\n" + b"".join(b"m%d = 'x'\n" % at for at in range(51)),
    ],
)
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(MasksRefused):
        own_masks.read(content)


@given(
    st.lists(
        st.sampled_from(["a", "[a-c]", "b?", "[ab]{1,3}", "(?:a|b)", "c+", "(?:ab)?", "\\d"]), max_size=12
    ),
    st.text("abc1", max_size=300),
)
@settings(max_examples=40, deadline=None)
def test_what_is_accepted_ends_soon_on_every_text(parts: list[str], text: str) -> None:
    try:
        masks = own_masks.read(f"[masks]\nown = '{''.join(parts)}'".encode())
    except MasksRefused:
        return
    masks.mask([text * 10])  # one that backtracks would not end before the test's time limit
