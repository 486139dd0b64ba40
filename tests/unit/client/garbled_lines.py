"""Feeds the compiled readers, built with sanitizers, texts that are cut, garbled, patched together.

    python tests/unit/client/garbled_lines.py FOLDER ROUNDS

FOLDER has the modules. A sanitizer ends the process at the first byte that is not the text's; else it prints
how many entries were taken, and how many bytes of what was allocated in the last tenth are still in use.
"""

import importlib
import json
import random
import sys
import tracemalloc
from typing import Any

_NAMES = " CEST CET EST "
_FORMS = [  # program, opened, lead, mark, zone's text, priority, without year, digits, own form; a line
    ("Y-m-d?~C", 0, 0, 0, "", 0, 0, 0, 0, b"2026-03-02 06:00:00,123 x"),
    ("Y-m-d?~Cz", 0, 0, 0, "+01:00", 0, 0, 0, 0, b"2026-03-02T06:00:00+01:00 [x] y"),
    ("d/b/Y:Cz", ord("["), -1, 0, " +0100", 0, 0, 0, 0, b'1.2.3.4 - - [02/Mar/2026:06:00:00 +0100] "x"'),
    ("ab_d_C_Y", ord("["), 0, 0, "", 0, 0, 0, 0, b"[Mon Mar 02 06:00:00.1 2026] [error] x"),
    ("b_d_C", 0, 0, 0, "", 1, 1, 0, 0, b"<13>Mar  2 06:00:00 host x"),
    ("yMD K", 0, 1, 0, "", 0, 0, 0, 0, b"one 260302 060000 x"),
    ("Y-m-d?~C", ord("("), 2, ord(","), "", 0, 0, 0, 0, b"one two, Mar,(2026-03-02 06:00:00) x"),
    ("lMD_C", 0, 0, 0, "", 0, 1, 0, 0, b"I0302 06:00:00.123456 1 a] x"),
    ("d/m/Y?~CP", 0, 0, 0, "", 0, 0, 0, 0, b"2/3/2026 06:00:00 AM x"),
    ("Ao+d=.mof:P=,h:n:sf:+z", 0, 0, 0, "CET", 0, 1, 0, 1, b"Mon. 2.3:1 AM,6:0:0:43 CET x"),
    (".,", 0, 0, 0, "", 0, 0, 13, 0, b"1772427600123: x"),
]
_BELOW = [b"\tat a.b", b"", b"Caused: x", b"12:34", b"-", b"==> a", b"\xc2\xa0", b"\xff\xe2", b"[a/b", b"<1"]
_MARKS = b'0123456789:-./[]()<>+TZMarAMP, \t\r\0\x1b\x7f\x80\xc2\xe2\xff"\\'


def _text(chance: random.Random, line: bytes) -> bytes:
    lines = [chance.choice(_BELOW) if chance.random() < 0.3 else line for _ in range(chance.randrange(1, 6))]
    text = bytearray(b"\n".join(lines))
    match chance.randrange(5):
        case 0:
            del text[chance.randrange(len(text) + 1) :]
        case 1:
            start, end = chance.randrange(len(text) + 1), chance.randrange(len(text) + 1)
            text[start:end] = text[end:][: chance.randrange(9)]
        case changes:
            for _ in range(changes - 2):
                if text:
                    text[chance.randrange(len(text))] = chance.choice(_MARKS)
    return bytes(text) + b"\n"


def _table(chance: random.Random, line: bytes) -> tuple[bytes, tuple[Any, ...]]:
    """A table with the line's beginning as its time, and what tells how its fields are used."""
    delimiter = chance.choice(b",;\t|")
    at, row = chance.choice([(0, b'%b,"x ""y""\n",%b'), (1, b'a,"%b",%b'), (0, b"%b,,%b")])
    rows = [row % (line, b"m" * 9)] * 3
    fields = chance.choice([3, 3, 3, 2, 4])
    numbers = bytes([at] if chance.random() < 0.9 else [chance.randrange(fields), 0])
    names = tuple(chance.choice([b"", b'"a": ']) for _ in range(fields))
    context = chance.choice([-1, -1, fields - 1])
    text = _text(chance, b"\n".join(rows).replace(b",", bytes([delimiter])))
    return text, (delimiter, numbers, bytes([fields - 1]), context, names)


def main() -> None:
    sys.path.insert(0, sys.argv[1])
    scan_lines = importlib.import_module("_lines").scan
    scan_rows = importlib.import_module("_rows").scan
    rounds = int(sys.argv[2])
    chance = random.Random(1)
    taken = {"lines": 0, "rows": 0}
    for number in range(rounds):
        if number == rounds - rounds // 10:
            tracemalloc.start()
        program, opened, lead, mark, zone, priority, yearless, counted, own, line = chance.choice(_FORMS)
        indented = int(chance.random() < 0.1)
        told = (program, opened, lead, mark, int(bool(zone)), zone)
        form = (*told, priority, yearless, counted, indented, own, _NAMES)
        always = chance.random() < 0.9
        now = (-(1 << 60) if always else 0, 1 << 60 if always else 0, 3600, 2026, 3, 1 << 40)
        room = chance.choice([1, 2, 1000]), chance.choice([-5, 0, 100, 1 << 20])
        empty = chance.random() < 0.5
        if chance.random() < 0.7:
            found = scan_lines(_text(chance, line), 0, 1, chance.random() < 0.8, *room, empty, form, now)
            taken["lines"] += len(found[1]) // 8
        else:
            text, table = _table(chance, line[: chance.choice([19, 25, 40])])
            found = scan_rows(text, 0, 1, *room, empty, form, now, table)
            taken["rows"] += len(found[1]) // 8
    print(json.dumps({**taken, "kept": tracemalloc.get_traced_memory()[0]}))


if __name__ == "__main__":
    main()
