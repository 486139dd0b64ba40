"""A form of one's own: what `--timestamp-format` names, as an expression with the known forms' parts."""

import re

from logleap.client.logfiles._times.forms import BLANK, MONTHS, WEEKDAYS

_SHORT = {"%F": "%Y-%m-%d", "%T": "%H:%M:%S", "%R": "%H:%M", "%D": "%m/%d/%y"}
_DIRECTIVES = {
    "%Y": r"(?P<Y>\d{4})",
    "%y": r"(?P<y>\d\d)",
    "%m": r"(?P<m>\d\d?)",
    "%d": r"(?P<d>\d\d?)",
    "%e": r"(?P<d>\d\d?)",
    "%j": r"(?P<j>\d{1,3})",
    "%H": r"(?P<H>\d\d?)",
    "%k": r"(?P<H>\d\d?)",
    "%I": r"(?P<H>\d\d?)",
    "%l": r"(?P<H>\d\d?)",
    "%M": r"(?P<M>\d\d?)",
    "%S": r"(?P<S>\d\d?)",
    "%s": r"(?P<s>\d{19}|\d{16}|\d{13}|\d{10})",
    "%f": r"(?P<f>\d+)",
    "%z": r"(?P<z>[Zz]|[+-]\d\d(?::?\d\d)?)",
    "%Z": r"(?P<z>[A-Za-z]+/[\w+\-/]+|[A-Z]{1,5}(?:[+-]\d{1,2}(?::?\d\d)?)?|[+-]\d\d(?::?\d\d)?)",
    "%p": r"(?P<p>[AaPp]\.?[Mm]\.?)",
    "%b": rf"(?P<b>(?i:{'|'.join(MONTHS)}))[a-z]*\.?",
    "%a": rf"(?P<a>(?i:{'|'.join(WEEKDAYS)}))[a-z]*\.?",
    "%%": "%",
}
_DIRECTIVES |= {"%B": _DIRECTIVES["%b"], "%h": _DIRECTIVES["%b"], "%A": _DIRECTIVES["%a"]}
_PARTS = re.compile(r"[.,:]%f|%.?|\s+|[^%\s.,:]+|[.,:]")
# For the compiled readers, see _fast/program.py.
_LETTERS = {
    **{"%Y": "Y", "%y": "y", "%m": "m", "%d": "d", "%e": "d", "%H": "h", "%k": "h", "%I": "h", "%l": "h"},
    **{"%M": "n", "%S": "s", "%z": "z", "%Z": "z", "%p": "P", "%b": "bo", "%a": "Ao", "%%": "=%"},
}
_LETTERS |= {"%B": _LETTERS["%b"], "%h": _LETTERS["%b"], "%A": _LETTERS["%a"]}
_GROUP = re.compile(r"\(\?P<(\w+)>")


def custom_expression(form: str) -> str:
    """The expression of a strptime format, named groups as in `forms.expression`.

    A fraction (`.%f`, `,%f`) may be missing. Behind a colon (`:%f`) up to three digits are milliseconds, as
    programs write them that pad nothing. ValueError if the format names no day, a part twice, or what isn't
    supported.
    """
    pattern = ""
    for part in _parts(form):
        if part.endswith("%f") and len(part) == 3:
            name = r":(?P<ms>\d{9}|\d{6}|\d{1,3})" if part[0] == ":" else rf"{re.escape(part[0])}(?P<f>\d+)"
            pattern += f"(?:{name})?"
        elif part[0] != "%":
            pattern += f"{BLANK}+" if part.isspace() else re.escape(part)
        elif part not in _DIRECTIVES:
            raise ValueError(
                f"{part!r} is not supported; supported are {' '.join(sorted([*_DIRECTIVES, *_SHORT]))}"
            )
        elif part == "%p" and pattern.endswith(f"{BLANK}+"):
            pattern = pattern.removesuffix("+") + "?" + _DIRECTIVES[part]
        else:
            pattern += _DIRECTIVES[part]
    groups = _GROUP.findall(pattern)
    for name in groups:
        if groups.count(name) > 1:
            raise ValueError(f"it names the same part twice ({name})")
    if "s" not in groups and "j" not in groups and not ("d" in groups and {"m", "b"} & set(groups)):
        raise ValueError("it must name the day, by %d and %m or %b, by %j, or by %s")
    return pattern


def custom_program(form: str) -> str | None:
    """The program of a format that `custom_expression` takes, for the compiled reader; None if it has none.

    What it finds is what the expression finds. A count of seconds has but the mark of its fraction.
    """
    parts = _parts(form)
    if parts[0] == "%s":
        return "" if parts[1:] == [] else parts[1][0] if parts[1:] in ([".%f"], [",%f"]) else None
    program = ""
    for part in parts:
        if part.endswith("%f") and len(part) == 3:
            program += f"f{part[0]}"
        elif part[0] != "%":
            if part == "." and program.endswith("o"):
                program = program[:-1]  # the dot of the format is not that of an abbreviation
            program += "+" if part.isspace() else "".join(f"={character}" for character in part)
        elif part not in _LETTERS or (part == "%p" and not program.endswith("+")):
            return None
        else:
            program = program.removesuffix("+") if part == "%p" else program
            program += _LETTERS[part]
    return program if form.isascii() and program[:1] not in {"", "+", "f"} else None


def _parts(form: str) -> list[str]:
    for short, long in _SHORT.items():
        form = form.replace(short, long)
    return _PARTS.findall(form)
