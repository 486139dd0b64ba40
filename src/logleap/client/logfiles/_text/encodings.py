"""Which encoding a text has: by its byte order mark, by its pattern, or as it is named."""

import codecs
import re
from typing import NamedTuple

from logleap.client.logfiles._errors import LogFileError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
EBCDIC = "cp037"
_EBCDIC_ENDS = frozenset({"cp037", "cp273", "cp424", "cp500", "cp875", "cp1026", "cp1140"})
_CONTROLS = re.compile(rb"[\x01-\x07\x0e-\x1a\x1c-\x1d\x1f\x7f]")


class Encoding(NamedTuple):
    """A text's encoding, as Python names it; where that is known from; the bytes of its mark."""

    name: str
    known: str
    mark: bytes = b""

    @property
    def is_utf8(self) -> bool:
        """Whether the bytes can be taken as they are."""
        return self.name == "utf-8"

    @property
    def line_ends(self) -> str:
        """What ends lines beside the usual: EBCDIC's own."""
        return "\x85" if self.name in _EBCDIC_ENDS else ""


def encoding_of(begin: bytes, named: str | None, name: str) -> Encoding:
    """The encoding of a text that begins with these bytes. LogFileError if it is none that is read."""
    mark = next((pair for pair in _MARKS if begin.startswith(pair[0])), None)
    if named is not None:
        return _named(named, mark, name)
    if mark is not None:
        return Encoding(mark[1], "byte order mark", mark[0])
    wide = _wide(begin.lstrip(b"\0"))
    if wide is not None:
        return Encoding(_shifted(wide, begin), "its pattern")
    sample = begin[:4096]
    if _is_ebcdic(sample):
        raise LogFileError(
            name, None, f"this looks like EBCDIC. Name its code page, such as --encoding {EBCDIC} or cp500."
        )
    controls = len(_CONTROLS.findall(sample)) / max(len(sample), 1)
    if controls > (0.3 if _is_utf8(sample) else 0.05):
        raise LogFileError(
            name, None, "this is no text: too many control characters. Is it packed, or a program?"
        )
    return Encoding("utf-8", "default")


def _named(named: str, mark: tuple[bytes, str] | None, name: str) -> Encoding:
    try:
        "x".encode(named)  # refuses codecs that are for no text, such as base64; lookup() doesn't
        known = codecs.lookup(named).name
        codecs.getincrementaldecoder(known)
    except (LookupError, ValueError):
        raise LogFileError(
            name, None, f"--encoding {named!r} is unknown. Known: utf-8, cp1252, utf-16 …"
        ) from None
    if known in {"utf-8", "utf-8-sig"}:
        return Encoding("utf-8", "--encoding", codecs.BOM_UTF8 if mark and mark[1] == "utf-8" else b"")
    if mark and (known == mark[1] or (known in {"utf-16", "utf-32"} and mark[1].startswith(known))):
        return Encoding(mark[1], "--encoding", mark[0])
    return Encoding(known, "--encoding")


def _wide(begin: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark: ASCII has zero bytes in every other, or three of four, places."""
    sample = begin[: 4096 - len(begin[:4096]) % 4]
    if len(sample) < 8:
        return None
    places = [sample[place::4].count(0) / (len(sample) / 4) for place in range(4)]
    zero = tuple(share > 0.6 for share in places)
    full = tuple(share < 0.1 for share in places)
    if zero == (False, True, True, True) and full[0]:
        return "utf-32-le"
    if zero == (True, True, True, False) and full[3]:
        return "utf-32-be"
    if zero == (False, True, False, True) and full[0] and full[2]:
        return "utf-16-le"
    if zero == (True, False, True, False) and full[1] and full[3]:
        return "utf-16-be"
    return None


def _shifted(wide: str, begin: bytes) -> str:
    """Big endian begins with a zero byte, which was taken off with those that a cut file begins with."""
    odd = (len(begin) - len(begin.lstrip(b"\0"))) % 2
    if not odd:
        return wide
    return {"utf-16-le": "utf-16-be", "utf-32-le": "utf-32-be"}.get(wide, wide)


def _is_utf8(sample: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return False
    return True


def _is_ebcdic(sample: bytes) -> bool:
    """Digits, letters and blanks of EBCDIC are no UTF-8, and no text in other encodings."""
    if len(sample) < 16 or sample.isascii():
        return False
    digits = sum(0xF0 <= byte <= 0xF9 for byte in sample)
    letters = sum(0x81 <= byte <= 0xA9 or 0xC1 <= byte <= 0xE9 for byte in sample)
    return sample.count(0x40) > len(sample) / 50 and digits + letters > len(sample) * 0.6


def remedy(data: bytes, *, other_text: bytes) -> str:
    """What to do about bytes that are no UTF-8; `other_text`: lines around them."""
    try:
        other_text.decode()
        mixed = not other_text.isascii()
    except UnicodeDecodeError:
        mixed = False
    skip = "leave such lines out: --on-bad-line skip"
    if mixed:
        return f"Other lines are UTF-8, so it is no matter of the encoding; {skip}"
    try:
        data.decode("cp1252")
    except UnicodeDecodeError:
        return f"Name the right encoding, such as --encoding latin-1, or {skip}"
    return f"Name the right encoding, such as --encoding cp1252, or {skip}"
