"""Seed templates of OpenTelemetry Collector's drain processor."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logleap.codecs.export.otel_drain import config, seed_templates


def seeds(text: str, *messages: str) -> list[str]:
    return list(seed_templates([{"text": text, "examples": [{"message": message} for message in messages]}]))


@pytest.mark.parametrize(
    ("text", "messages", "expected"),
    [
        ("Stopped", ["Stopped"], ["Stopped"]),
        ("user <*> logged in", ["user anna logged in", "user bert logged in"], ["user <*> logged in"]),
        ("took <*>", ["took 12 ms", "took 900us"], ["took <*> <*>", "took <*>"]),  # several words
        ("Drive <*>: <*> °C", ["Drive 3: 45 °C"], ["Drive <*> <*> °C"]),  # a part of a word
        ("a=<*>,b=<*>", ["a=1,b=2"], ["<*>"]),
        ("x <*> <*> y", ["x  1\t2 y"], ["x <*> <*> y"]),
        ("took <*>", ["took 1…"], ["took <*>"]),  # cut, so it does not show the template
        ("Drive <*>: on", ["something else"], ["Drive <*> on"]),
        ("<*>", ["7"], ["<*>"]),
    ],
)
def test_a_template_is_told_in_whole_words(text: str, messages: list[str], expected: list[str]) -> None:
    assert seeds(text, *messages) == expected


def test_the_configuration_has_the_field_names_of_the_processor_and_escapes() -> None:
    templates = [{"text": 'costs $<*> "net" ü', "examples": []}, {"text": "a", "examples": []}] * 2
    assert config(templates, "0a1b").splitlines() == [
        "# Templates of the log model 0a1b, the most frequent first.",
        "processors:",
        "  drain:",
        "    seed_templates:",
        '      - "costs <*> \\"net\\" ü"',
        '      - "a"',
    ]
    assert '"US$$ 7"' in config([{"text": "US$ 7", "examples": []}], "0a1b")
    assert config([], "0a1b").endswith("    seed_templates: []\n")


@given(st.lists(st.sampled_from(["a", "b", "<*>", " ", ":"]), max_size=12), st.text("ab: ", max_size=12))
def test_any_template_and_message_give_a_line(parts: list[str], message: str) -> None:
    text = "".join(parts)
    for seed in seeds(text, message):
        assert json.loads(json.dumps(seed)) == seed
        assert len(seed.split()) in (len(message.split()), len(text.split()))
