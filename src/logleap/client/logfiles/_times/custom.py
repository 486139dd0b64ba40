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
_GROUP = re.compile(r"\(\?P<(\w+)>")


def custom_expression(form: str) -> str:
    """The expression of a strptime format, named groups as in `forms.expression`.

    A fraction (`.%f`, `,%f`) may be missing. Behind a colon (`:%f`) up to three digits are milliseconds, as
    programs write them that pad nothing. ValueError if the format names no day, a part twice, or what isn't
    supported.
    """
    for short, long in _SHORT.items():
        form = form.replace(short, long)
    pattern = ""
    for part in re.findall(r"[.,:]%f|%.?|\s+|[^%\s.,:]+|[.,:]", form):
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


def is_of_day_alone(form: str) -> bool:
    """Whether the format names no hour, and counts no seconds."""
    return not re.search(r"%[HIklsTRc]", form)
