"""Where a log was cut by its rotation: an entry may begin in one file and go on in the next."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Head(NamedTuple):
    """The lines at the beginning of a file that belong to the last entry of the one before.

    `name`: the file's.
    """

    name: str
    lines: Sequence[str]


@dataclass(slots=True)
class Seam:
    """How a file goes together with those before and behind it.

    `continues`: lines before its first time belong to the last entry of the file before; they are collected
    in `above`. `rest`: such lines of the file behind it; `joined` once they are a part of its last entry.
    """

    continues: bool = False
    rest: Head | None = None
    joined: bool = False
    above: list[str] = field(default_factory=list)
