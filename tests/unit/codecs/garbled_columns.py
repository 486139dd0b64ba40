"""Feeds the compiled functions for packed entries, built with sanitizers, columns that are cut and garbled.

    python tests/unit/codecs/garbled_columns.py FOLDER ROUNDS

FOLDER has the module. A sanitizer ends the process at the first byte that is foreign; else it prints how many
were taken, and how many bytes of what was allocated in the last tenth are still in use.
"""

import importlib
import json
import random
import sys
import tracemalloc
from array import array
from typing import Any

import msgspec

_TEXTS = ["a", 'q"uote', "\\ \n\r\t\b\f\0\x1f", "\u00e9\U0001f600", "x" * 40, "y" * 300, ""]


def _columns(chance: random.Random) -> bytes:
    rows = chance.randrange(40)
    times = array("q", [chance.choice([-1, 0, 1, -62_135_596_800_000_000, 253_402_300_799_999_999])] * rows)
    for at in range(rows):
        times[at] += chance.randrange(3)
    texts = [chance.choices(_TEXTS, k=rows), chance.choices([None, *_TEXTS], k=rows)]
    data = bytearray(msgspec.msgpack.encode((times.tobytes(), *texts)))
    match chance.randrange(4):
        case 0:
            del data[chance.randrange(len(data)) :]
        case 1:
            data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def _used(fast: Any, chance: random.Random, data: bytes) -> bool:
    """Whether the columns could be read; all else is done with them then, with wrong spans now and then."""
    found = fast.unpack(data, chance.random() < 0.8)
    if found is None:
        return False
    micros, messages, contexts = (array("q", column) for column in found[:3])
    if messages and chance.random() < 0.2:
        chance.choice([messages, contexts])[chance.randrange(len(messages))] = chance.getrandbits(64) - (
            1 << 63
        )
    rows = len(messages)
    ids, sequences = ["batch \u20ac"] * rows, range(rows + (chance.random() < 0.05))
    try:
        fast.arrow([(data, messages), (data, contexts)])
        fast.texts(data, messages)
        fast.texts(data, contexts)
        for as_json in (True, False):
            fast.lines(as_json, data, micros, messages, contexts, ids, sequences)
        part = (data, micros, messages, contexts, ids, sequences)
        fast.merge([part] * chance.randrange(1, 5))
        fast.merge(
            [
                tuple(column[at::3] if at and column is not data else column for column in part)
                for at in range(4)
            ]
        )
    except ValueError:  # UnicodeDecodeError is one
        return False
    return True


def main() -> None:
    sys.path.insert(0, sys.argv[1])
    fast = importlib.import_module("_fast")
    rounds = int(sys.argv[2])
    chance = random.Random(1)
    taken = 0
    for number in range(rounds):
        if number == rounds - rounds // 10:
            tracemalloc.start()
        taken += _used(fast, chance, _columns(chance))
    print(json.dumps({"taken": taken, "kept": tracemalloc.get_traced_memory()[0]}))


if __name__ == "__main__":
    main()
