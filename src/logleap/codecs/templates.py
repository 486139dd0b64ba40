"""Messages put together from fields: templates of a mapping, and patterns that records bring themselves."""

import re
from collections.abc import Callable, Sequence

Lookup = Callable[[str], str | None]
"""The text of the field of a name; None: there is none."""

_PART = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}]+)\}|(?P<loose>[{}])|[^{}]+")
_HOLE = re.compile(
    r"\{\{|\}\}|\{[@$]?(?P<name>[0-9A-Za-z_]+)(?:,(?P<align>-?[0-9]{1,4}))?(?P<format>:[^{}]*)?\}", re.ASCII
)
_ANCHOR = re.compile(r"(?P<escapes>\\{0,2})\{\}")


class TemplateInvalid(ValueError):
    """A template that cannot be read. The text says where and how to write it."""


class Template:
    """A text with the names of fields in braces, such as `{msg}: {err.message}`; `{{` and `}}` are braces."""

    def __init__(self, text: str) -> None:
        """Raises TemplateInvalid."""
        self._parts: list[tuple[str, str | None]] = []
        for part in _PART.finditer(text):
            if part["loose"]:
                why = f"has {part['loose']!r} alone at its character {part.start() + 1}"
                remedy = f"write {{name}}, or {part['loose'] * 2} for a brace"
                raise TemplateInvalid(f"template {text!r} {why}: {remedy}")
            literal = part[0][0] if part[0] in ("{{", "}}") else part[0]
            self._parts.append((literal, part["name"]))
        self.names: Sequence[str] = tuple(name for _, name in self._parts if name is not None)
        if not self.names:
            raise TemplateInvalid(f"template {text!r} names no field: write one as {{name}}")

    def fill(self, lookup: Lookup) -> str | None:
        """The text with the fields filled in. None: one of them is missing."""
        texts = []
        for literal, name in self._parts:
            text = literal if name is None else lookup(name)
            if text is None:
                return None
            texts.append(text)
        return "".join(texts)


def fill_message_template(
    pattern: str, lookup: Lookup, renderings: Sequence[str] = (), most: int | None = None
) -> str | None:
    """`pattern`, a message template (https://messagetemplates.org), with its holes filled in.

    Texts stand without quotes. A hole with a format takes the next of `renderings` (CLEF's `@r`), else the
    plain value. One without a field stays as it is, as Serilog leaves it. None: the holes take more than
    `most` characters (a few bytes of holes can name a long field many times).
    """
    left = iter(renderings)
    size = 0

    def filled(hole: re.Match[str]) -> str:
        nonlocal size
        if hole["name"] is None:
            return hole[0][0]
        rendered = next(left, None) if hole["format"] else None
        text = lookup(hole["name"]) if rendered is None else rendered
        if text is None:
            return hole[0]
        width = int(hole["align"] or 0)
        size += max(len(text), abs(width))
        if most is not None and size > most:
            return ""
        return text.rjust(width) if width >= 0 else text.ljust(-width)

    message = _HOLE.sub(filled, pattern)
    return message if most is None or size <= most else None


def fill_slf4j(pattern: str, arguments: Sequence[str]) -> str:
    r"""`pattern` with each `{}` filled by the next argument, as SLF4J does it.

    `\{}` is a literal `{}`, `\\{}` a backslash before an argument; a `{}` beyond the arguments stays.
    https://www.slf4j.org/api/org/slf4j/helpers/MessageFormatter.html
    """
    left = iter(arguments)

    def filled(anchor: re.Match[str]) -> str:
        escapes = anchor["escapes"]
        if escapes == "\\":
            return "{}"
        argument = next(left, None)
        return anchor[0] if argument is None else escapes[:-1] + argument

    return _ANCHOR.sub(filled, pattern) if arguments else pattern
