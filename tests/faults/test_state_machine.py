"""Any calls in any order, with crashes and jumps of the clock anywhere between, keep the promise."""

from pathlib import Path

import pytest

from tools.emulators import Emulators
from tools.faults.harness import Harness, reopening
from tools.faults.installations import emulated_harnesses, emulated_installation
from tools.faults.negative_controls import NEGATIVE_CONTROLS
from tools.faults.state_machine import drive


def test_in_memory(tmp_path: Path) -> None:
    tried, tally = drive(lambda: Harness(reopening("memory", tmp_path)), examples=80, steps=30)
    assert tried >= 80
    assert tally["entries acknowledged"] > 0


def test_on_one_sqlite_file(tmp_path: Path) -> None:
    tried, tally = drive(lambda: Harness(reopening("local", tmp_path)), examples=30, steps=30)
    assert tried >= 30
    assert tally["entries acknowledged"] > 0


def test_on_the_emulators(emulators: Emulators) -> None:
    with emulated_installation(emulators) as site, emulated_harnesses(site) as make:
        tried, tally = drive(make, examples=8, steps=30)
    assert tried >= 8
    assert tally["entries acknowledged"] > 0


def test_it_finds_a_ledger_that_knows_no_batch_again() -> None:
    _, make = NEGATIVE_CONTROLS["no replay"]
    with pytest.raises(AssertionError, match=r"lost [0-9]+, doubled"):
        drive(make, examples=500, steps=30, shorten=False, seed=1)
