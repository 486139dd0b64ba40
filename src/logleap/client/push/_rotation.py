"""Rotated log files in the order of their entries: the oldest first."""

import re
from collections.abc import Sequence
from pathlib import PurePath

_PACKED = re.compile(r"\.(?:gz|zst|bz2|xz)$")
_DATED = re.compile(
    r"(?P<stem>.+?)[.\-_](?P<date>\d{4}-?\d\d-?\d\d(?:[-T_.]?\d\d){0,3})(?:[.\-_](?P<number>\d{1,5}))?(?P<suffix>\.\D\w*)?"
)
_NUMBERED = re.compile(r"(?P<stem>.+?)[.\-_](?P<number>\d{1,5})(?P<suffix>\.\D\w*)?")


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


def _placed(name: str) -> tuple[str, tuple[int, str, int]]:
    path = PurePath(name)
    plain = _PACKED.sub("", path.name)
    folder = str(path.parent)
    if found := _DATED.fullmatch(plain):
        date = re.sub(r"\D", "", found["date"])
        return f"{folder}/{found['stem']}{found['suffix'] or ''}", (0, date, int(found["number"] or 0))
    if found := _NUMBERED.fullmatch(plain):
        return f"{folder}/{found['stem']}{found['suffix'] or ''}", (1, "", -int(found["number"]))
    return f"{folder}/{plain}", (2, "", 0)
