"""The same entries give the same bytes: whatever the order, the process, its hash seed and its Python."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[3] / "src"
VERSIONS = ("3.12", "3.13", "3.14")

PROGRAM = """
import random, sys, tempfile
from hashlib import sha256
from logleap.miner.compare import compare
from logleap.miner.model import LogModel
from logleap.miner.text.mask import Masks
from logleap.miner.train import Limits, train

class Block:
    def __init__(self, rows):
        self.micros = [row[0] for row in rows]
        self.messages = [row[1] for row in rows]
        self.contexts = [row[2] for row in rows]

def model(rows, baseline=None):
    chance.shuffle(rows)
    cut = chance.randrange(1, len(rows))
    limits = Limits(block=chance.choice([7, 100, 32768]), kinds=chance.choice([30, 10000]))
    return train([Block(rows[:cut]), Block(rows[cut:])], masks=Masks(), open_file=tempfile.TemporaryFile,
                 baseline=baseline, limits=limits)

def rows(seed, *more):
    made = random.Random(seed)
    names = ["anna", "bert", "carl", "dora", "emil", "fred", "gina", "hans", "inga", "jens", "karl"]
    found = []
    for second in range(1500):
        level = made.choice(["INFO", "WARN"])
        text = made.choice([
            f"{level} user {made.choice(names)} logged in from 10.0.{made.randrange(9)}.{made.randrange(99)}",
            f"{level} winding {made.gauss(50, 4):.2f} ms at {made.randrange(5)}",
            f"Straße {made.randrange(9)}: {made.choice(names)} {made.choice(names)}",
        ])
        found.append((second * 10**6, text, made.choice([None, '{"level": "error"}'])))
    return found + [(1400 * 10**6, text, None) for text in more]

chance = random.Random(sys.argv[1])
before = model(rows(1))
after = model(rows(2, "FATAL table 7 lost", "winding 900 ms at 1"), before)
assert LogModel.from_json(after.to_bytes()).digest == after.digest
for content in (before.to_bytes(), after.to_bytes(), compare(before, after).to_bytes()):
    print(sha256(content).hexdigest())
"""


def digests(python: str, order: str, hash_seed: str) -> list[str]:
    """Of a model, of one with that as baseline, and of the changes, made by a process of its own."""
    done = subprocess.run(
        [python, "-c", PROGRAM, order],
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture(scope="module")
def expected() -> list[str]:
    found = digests(sys.executable, "1", "0")
    assert len(set(found)) == 3
    return found


@pytest.mark.parametrize("hash_seed", ["1", "4294967295", "random"])
def test_in_any_order_and_with_any_hash_seed(hash_seed: str, expected: list[str]) -> None:
    assert digests(sys.executable, hash_seed, hash_seed) == expected


def python_of(version: str) -> str | None:
    """A Python of this version: one that is found by its name, or beside the one that runs the tests."""
    beside = sorted(Path(sys.base_prefix).parent.glob(f"*{version}*/bin/python3"))
    for candidate in (shutil.which(f"python{version}"), *map(str, beside)):
        if candidate is None:
            continue
        told = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False)
        if told.returncode == 0 and re.match(rf"Python {re.escape(version)}\.", told.stdout):
            return candidate
    return None


@pytest.mark.parametrize("version", VERSIONS)
def test_with_another_python(version: str, expected: list[str]) -> None:
    python = python_of(version)
    if python is None:
        pytest.skip(f"this machine has no Python {version}")
    assert digests(python, version, "random") == expected
