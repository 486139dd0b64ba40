"""How many different values there are, in bounded memory: what does not fit waits in a temporary file."""

from array import array
from collections.abc import Iterable, Sequence
from tempfile import TemporaryFile
from typing import IO, Self

from logleap.reporting.temporary import usable

HELD = 250_000
"""How many hashes are held in memory, and about how many of them are told apart at once."""


class DistinctCount:
    """Counts different values by their 64-bit hashes (`hash`, whose key each process draws by lot).

    Two values that differ are taken for equal if their hashes agree: among ten million the chance that there
    is one such pair is 3 in a million, and it grows with the square of their number.
    """

    def __init__(self, expected: int, held: int = HELD) -> None:
        """`expected`: about how many values will come. It decides how the file is divided, not the count."""
        self._held = held
        self._hashes = array("q")
        self._file: IO[bytes] | None = None
        # Of each share of the hashes: where in the file some of its hashes lie, and how many.
        self._slices: list[list[tuple[int, int]]] = [[] for _ in range(expected // held + 1)]

    def add(self, hashes: Iterable[int]) -> None:
        """Add values by their hashes: signed, of 64 bits. Raises Unavailable if there is no room for them."""
        self._hashes.extend(hashes)
        if len(self._hashes) < self._held:
            return
        with usable():
            if self._file is None:
                self._file = TemporaryFile(prefix="logleap-")  # noqa: SIM115 -- closed at the exit
            self._spill(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._file is not None:
            self._file.close()

    def result(self) -> int:
        """How many different values were added."""
        if self._file is None:
            return len(set(self._hashes))
        with usable():
            self._spill(self._file)
            return sum(len(_read(self._file, slices)) for slices in self._slices)

    def _spill(self, file: IO[bytes]) -> None:
        """Deal what is held out to shares, equal hashes to the same, and write these to the file."""
        shares = [array("q") for _ in self._slices]
        takers, number = [share.append for share in shares], len(shares)
        for hashed in self._hashes:  # a seventh of what sorting them takes
            takers[hashed % number](hashed)
        self._hashes = array("q")
        for slices, share in zip(self._slices, shares, strict=True):
            if share:
                slices.append((file.tell(), len(share)))
                share.tofile(file)


def _read(file: IO[bytes], slices: Sequence[tuple[int, int]]) -> set[int]:
    """The different hashes of one share."""
    found: set[int] = set()
    for place, length in slices:
        file.seek(place)
        hashes = array("q")
        hashes.fromfile(file, length)
        found.update(hashes)
    return found
