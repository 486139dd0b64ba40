"""The protocol's model: it names functions that exist, no state violates a property, controls are found."""

import importlib
import os
import re

import pytest

from tools.protocol.spin_model import (
    CONTROLS,
    MODEL,
    Configuration,
    check,
    configurations,
    missing,
    properties,
)

NAME = re.compile(r"\b[a-z][a-z_]*(?:\.[a-z_]+)+:[A-Za-z_][\w.]*")


@pytest.fixture(scope="module")
def _spin() -> None:
    reason = missing()
    if reason is not None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI needs spin: {reason}")
        pytest.skip(reason)


@pytest.mark.parametrize("name", sorted(set(NAME.findall(MODEL.read_text("utf-8")))))
def test_a_function_that_the_model_names_exists(name: str) -> None:
    module, _, qualified = name.partition(":")
    found = importlib.import_module(f"logleap.{module}")
    for attribute in qualified.split("."):
        found = getattr(found, attribute)
    assert callable(found)


def test_each_step_of_the_model_names_the_functions_that_take_it() -> None:
    processes = MODEL.read_text("utf-8").partition("proctype")[2].partition("\ninit")[0]
    before = ["", *re.split(r"\batomic \{", processes)]
    # What stands between the beginning of the step before and that of this one has to end in such a comment.
    unnamed = [number for number, text in enumerate(before[1:-1], start=1) if not _names_its_step(text)]
    assert len(before) > 12
    assert unnamed == []


def _names_its_step(text: str) -> bool:
    comment = re.search(r"/\*((?:(?!\*/).)*)\*/\s*(?:end:\s*)?$", text, re.DOTALL)
    return comment is not None and NAME.search(comment[1]) is not None


def test_each_assertion_of_the_model_says_what_it_checks() -> None:
    lines = MODEL.read_text("utf-8").splitlines()
    assert sorted(properties()) == [n for n, line in enumerate(lines, start=1) if "assert(" in line]


@pytest.mark.usefixtures("_spin")
@pytest.mark.parametrize("configuration", configurations(), ids=str)
def test_no_state_of_the_model_violates_a_property(configuration: Configuration) -> None:
    assert check(configuration).violated is None


@pytest.mark.usefixtures("_spin")
@pytest.mark.parametrize("control", CONTROLS, ids=str)
def test_spin_finds_what_a_missing_part_does(control: Configuration) -> None:
    assert check(control).violated == CONTROLS[control]
