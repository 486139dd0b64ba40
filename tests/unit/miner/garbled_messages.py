"""Feeds the compiled part of the miner, built with sanitizers, odd messages, and compares it with Python's.

    python tests/unit/miner/garbled_messages.py FOLDER ROUNDS

FOLDER has the module. A sanitizer ends the process at the first byte that is not the module's; else it prints
how many models were alike, and how many bytes of what was allocated in the last tenth are still in use.
"""

import gc
import importlib
import json
import random
import sys
import tempfile
import tracemalloc
from array import array
from collections.abc import Sequence

sys.path.insert(0, sys.argv[1])
sys.modules["logleap.miner._fast._scan"] = importlib.import_module("_scan")

from logleap.domain.entries import Entries  # noqa: E402
from logleap.miner.match import Match, Matcher  # noqa: E402
from logleap.miner.model import LogModel, Parameters  # noqa: E402
from logleap.miner.text.mask import Masks  # noqa: E402
from logleap.miner.train import Limits, train  # noqa: E402

PIECES = (
    *("user", "root", "ERROR", "level=info", "http://a/1?b=2", "'x 1'", '"GET /1 x"', "true", "<*>"),
    *("<1", "<1>", "<1" + "x" * 101 + ">", '"' + "y" * 1001 + '"', "'q'", "''", "a:b::c", "u:1", "::", "é:"),
    *("disk", "[WARN]", "lvl=error", "kB", "sec", "user=", "hostname", "x://", "/a/b", "a@b", "1,2;3"),
    *("k=", ":", "1", "23", "4.5", "-7", "8.", "9:", "0x1f", "12ms", "3.25 MB", "99999999999999999999"),
    *("1.5e9", "7\u00b5s", "0.1234567890123456789", "123456789012345678", "12345678901234567.5", "5\0"),
    *("6\ud800", "\u0661", "\n", "\0", "\x1d", "\t", "\u00e9", "\u20ac", "\U0001f600", " ", " ", " "),
    *("(", ")", ",", ";", "|", "\x85"),
)
CONTEXTS = (None, None, '{"level":"error"}', "text", '{"PRIORITY":6}')


def entries(chance: random.Random, number: int) -> Entries:
    pieces = chance.sample(PIECES, chance.randint(2, len(PIECES)))
    messages = ["".join(chance.choices(pieces, k=chance.randint(0, 9))) for _ in range(number)]
    if chance.random() < 0.5:
        messages = [f"{message} took {chance.randint(-9, 10**9) / 8}ms" for message in messages]
    times = [chance.choice((0, 5, chance.randint(-(10**9), 10**9))) for _ in messages]
    contexts = [chance.choice(CONTEXTS) if chance.random() < 0.1 else None for _ in messages]
    return Entries(array("q", times), messages, contexts)


def model(
    blocks: Sequence[Entries],
    compiled: bool,
    small: bool,
    baseline: LogModel | None,
    parameters: Parameters,
) -> LogModel:
    limits = Limits(kinds=2, values=9, entries=20, block=7) if small else Limits()
    limits.compiled = compiled
    return train(
        blocks,
        masks=Masks(),
        open_file=tempfile.TemporaryFile,
        parameters=parameters,
        limits=limits,
        baseline=baseline,
    )


def matches(found: LogModel, block: Entries, compiled: bool) -> list[Match | None]:
    return Matcher(found, Masks(), compiled=compiled).match(block.messages, block.contexts)


def alike(chance: random.Random) -> bool:
    small = chance.random() < 0.3
    first, second = (
        [entries(chance, chance.randint(1, 30)) for _ in range(chance.randint(1, 3))] for _ in range(2)
    )
    parameters = Parameters(
        exact_values=5, max_tokens=chance.choice((256, 256, 1, 3)), mined_messages=chance.choice((100_000, 4))
    )
    expected = model(first, False, False, None, parameters)
    if model(first, True, small, None, parameters).to_bytes() != expected.to_bytes():
        return False
    later = model(second, False, False, expected, parameters)
    if model(second, True, small, expected, parameters).to_bytes() != later.to_bytes():
        return False
    return all(matches(expected, block, True) == matches(expected, block, False) for block in second)


def main() -> None:
    chance = random.Random(4)
    rounds = int(sys.argv[2])
    right = kept = 0
    for at in range(rounds):
        if at == rounds * 9 // 10:
            gc.collect()
            tracemalloc.start()
        right += alike(chance)
    gc.collect()
    own = tracemalloc.Filter(True, "*/miner/collect.py")
    kept = sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([own]).traces)
    print(json.dumps({"alike": right, "kept": kept}))


if __name__ == "__main__":
    main()
