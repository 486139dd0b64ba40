"""The form of a file's times as a program, which the compiled readers run on each of them.

The form of the times is a program of one part a character: `Y` four digits of the year and `y` two, `m d`
one or two digits of month and day (`M D` two), `b` a month's name, `a` a weekday's with the blanks behind it
(`A` without), `l` klog's level, `~` a `T` or blanks, `_` blanks (`+` tabs too), `?` perhaps a comma, `o`
perhaps a dot, `C` a clock time and `K` one without colons, `h n s` one or two digits of hour, minute and
second, `f` perhaps a fraction behind the character that follows, `P` AM/PM, `z` the zone, `=` the character
that follows, other characters themselves. In `Form.program` stands also what only the file's first time
tells: `*` what stands behind the clock time, `#` what stands before it, `&` what separates the numbers
`1 2 3`, or day and month. Of a number that counts from 1970 the program has what its fraction may stand
behind.
"""

import re

from logleap.client.logfiles._layout.layout import Layout
from logleap.client.logfiles._times.clock import Order
from logleap.client.logfiles._times.custom import custom_program
from logleap.client.logfiles._times.forms import FORMS, Strength


def program_of(layout: Layout, timestamp_format: str | None, found: "re.Match[str]") -> str | None:
    """The program of the form that was found; None if there is none. The format counts if it is one's own."""
    if layout.custom:
        return custom_program(timestamp_format or "")
    form = next((form for form in FORMS if form.name == layout.main.name), None)
    if form is None:
        return None
    if form.strength is Strength.NUMBER:
        return None if "day" in found.re.groupindex else ".,"
    return _program(form.program or "", found, layout.main.clock.order)


def _program(program: str, found: "re.Match[str]", order: Order | None) -> str | None:
    groups = found.re.groupindex
    if "z" in groups and found["z"] and re.search(r"[\[(]", found["z"]):
        return None
    behind = ("P" if "p" in groups and found["p"] else "") + ("z" if "z" in groups and found["z"] else "")
    if "year" in groups and found["year"]:
        return None
    before = found.string[found.start("H") - 1]
    program = program.replace("*", behind)
    if "#" in program:
        if before.isdigit():
            before = ""
        elif before == "_":
            return None
        elif before == " " and "K" not in program:
            before = "_"
        program = program.replace("#", before)
    if "&" in program:
        mark = found["sep"] if "sep" in groups else found.string[found.end("d")]
        program = program.replace("&", mark)
    for name, letter in _letters(order):
        program = program.replace(name, letter)
    return ("a" if "a" in groups and found["a"] else "") + program


def _letters(order: Order | None) -> list[tuple[str, str]]:
    if order is None:
        return []
    parts = [(order.day, "d"), (order.month, "m"), (order.year, "y")]
    return [(name[1], letter) for name, letter in parts if name]
