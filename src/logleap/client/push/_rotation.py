"""Rotated log files in the order of their entries: the oldest first."""

import re
from collections.abc import Sequence
from pathlib import PurePath

from logleap.client.logfiles._logfile import PACKED

_DATED = re.compile(
    r"(?P<stem>.+?)[.\-_](?P<date>\d{4}-?\d\d-?\d\d(?:[-T_.]?\d\d){0,3})(?:[.\-_](?P<number>\d{1,5}))?(?P<suffix>\.\D\w*)?"
)
_NUMBERED = re.compile(r"(?P<stem>.+?)[.\-_](?P<number>\d{1,5})(?P<suffix>\.\D\w*)?")

_DATE, _NUMBER, _CURRENT = range(3)  # what tells the place of a file, in the order of their entries


def oldest_first(names: Sequence[str]) -> list[str]:
    """The files in the order of rotation: by their date, or from the highest number to the one without.

    `app.log.2.gz app.log.1 app.log`, `app-2026-03-01.log app.log`. Files of different logs stay in the order
    given.
    """
    families: dict[str, list[tuple[tuple[int, str, int], str]]] = {}
    for name in names:
        family, place = _placed(name)
        families.setdefault(family, []).append((place, name))
    return [name for family in families.values() for _, name in sorted(family, key=lambda pair: pair[0])]


def follows(name: str, before: str) -> bool:
    """Whether a file goes on where `before` ends, by their names: of one log, and no number between them."""
    family, (kind, date, number) = _placed(name)
    other, (kind_before, date_before, number_before) = _placed(before)
    if family != other:
        return False
    if kind == kind_before == _DATE:
        return date != date_before or number == number_before + 1
    if kind == kind_before == _NUMBER:
        return number == number_before + 1
    return kind == _CURRENT and (kind_before == _DATE or number_before >= -1)


def _placed(name: str) -> tuple[str, tuple[int, str, int]]:
    path = PurePath(name)
    plain = PACKED.sub("", path.name)
    folder = str(path.parent)
    if found := _DATED.fullmatch(plain):
        date = re.sub(r"\D", "", found["date"])
        return f"{folder}/{found['stem']}{found['suffix'] or ''}", (_DATE, date, int(found["number"] or 0))
    if found := _NUMBERED.fullmatch(plain):
        return f"{folder}/{found['stem']}{found['suffix'] or ''}", (_NUMBER, "", -int(found["number"]))
    return f"{folder}/{plain}", (_CURRENT, "", 0)
