"""Feeds the compiled reader, built with sanitizers, texts that are cut, garbled and patched together.

    python tests/unit/http/garbled_entries.py FOLDER ROUNDS

FOLDER has the module. A sanitizer ends the process at the first byte that is not the text's; else it prints
how many texts were taken, and how many bytes of what was allocated in the last tenth are still in use.
"""

import importlib
import json
import random
import sys
import tracemalloc
from typing import Any

_CONTEXTS: list[Any] = [
    None,
    "",
    'text \\ " \n',
    {"a": [1, -0.5e-3, True, None, {"b": "\u20ac \U0001f600"}]},
    [[[]]],
]
_MARKS = b'"\\{}[],:u0eE+-.Zz \r\n\0\x80\xff'


def _entry(number: int) -> bytes:
    entry = {
        "timestamp": f"2026-03-02T06:00:00.{number}{'Z' if number % 2 else '+01:30'}",
        "message": 'a "q" \t \u00e9 \U0001f600 x' * number,
        "context": _CONTEXTS[number % len(_CONTEXTS)],
    }
    return json.dumps(entry, ensure_ascii=number % 3 == 0).encode()


_ENTRIES = [_entry(number) for number in range(1, 11)]


def _text(chance: random.Random, lines: bool) -> bytes:
    some = chance.choices(_ENTRIES, k=chance.randrange(1, 4))
    text = bytearray(b"\n".join(some) if lines else b"[" + b",".join(some) + b"]")
    match chance.randrange(5):
        case 0:
            del text[chance.randrange(len(text)) :]
        case 1:
            start, end = chance.randrange(len(text)), chance.randrange(len(text))
            text[start:end] = text[end:][: chance.randrange(9)]
        case changes:
            for _ in range(changes - 2):
                text[chance.randrange(len(text))] = chance.choice(_MARKS)
    return bytes(text)


def main() -> None:
    sys.path.insert(0, sys.argv[1])
    parse = importlib.import_module("_fast").parse
    rounds = int(sys.argv[2])
    chance = random.Random(1)
    taken = 0
    for number in range(rounds):
        if number == rounds - rounds // 10:
            tracemalloc.start()
        lines = chance.random() < 0.5
        taken += parse(_text(chance, lines), lines, chance.choice([0, 1, 100])) is not None
    print(json.dumps({"taken": taken, "kept": tracemalloc.get_traced_memory()[0]}))


if __name__ == "__main__":
    main()
