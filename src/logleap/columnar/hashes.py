"""Many hashes in bounded memory: what does not fit waits in a temporary file."""

from collections.abc import Iterator, Sequence
from io import BytesIO
from tempfile import TemporaryFile
from typing import IO

import polars as pl

from logleap.reporting.temporary import usable

HELD = 250_000
"""How many hashes are held in memory, and about how many come back at once."""

_UNIT = 1 << 64


class Hashes:
    """Takes unsigned numbers of 64 bits, spread evenly, and gives them back so that equal ones meet."""

    def __init__(self, expected: int, held: int = HELD) -> None:
        """`expected`: about how many will come. It decides how they are divided, not what comes back."""
        self._held = held
        self._parts: list[pl.Series] = []
        self._file: IO[bytes] | None = None
        # Each share is a range of numbers; the file has some of its numbers in several places.
        shares = expected // held + 1
        self._bounds = pl.Series([_UNIT * share // shares for share in range(1, shares)], dtype=pl.UInt64)
        self._places: list[list[tuple[int, int]]] = [[] for _ in range(shares)]

    def add(self, hashes: pl.Series) -> None:
        """Add some. Raises Unavailable if there is no room for them."""
        self._parts.append(hashes)
        if sum(map(len, self._parts)) >= self._held:
            with usable():
                if self._file is None:
                    self._file = TemporaryFile(prefix="logleap-")  # noqa: SIM115 -- closed by `close`
                self._spill(self._file)

    def shares(self) -> Iterator[pl.Series]:
        """All that were added, equal ones in the same share. Once, and nothing can be added then."""
        if self._file is None:
            if self._parts:
                yield pl.concat(self._parts)
            return
        with usable():
            self._spill(self._file)
        for places in self._places:
            if places:
                with usable():
                    share = _read(self._file, places)
                yield share

    def close(self) -> None:
        """Remove the temporary file."""
        if self._file is not None:
            self._file.close()

    def _spill(self, file: IO[bytes]) -> None:
        """Write what is held to the file."""
        if not self._parts:
            return
        ordered = pl.concat(self._parts).sort(multithreaded=False)
        self._parts = []
        bounds = [0, *ordered.search_sorted(self._bounds), len(ordered)]
        for places, start, end in zip(self._places, bounds, bounds[1:], strict=False):
            if start < end:
                written = BytesIO()
                ordered.slice(start, end - start).to_frame("hash").write_ipc_stream(written)
                places.append((file.tell(), written.tell()))
                file.write(written.getbuffer())


def _read(file: IO[bytes], places: Sequence[tuple[int, int]]) -> pl.Series:
    parts = []
    for place, size in places:
        file.seek(place)
        parts.append(pl.read_ipc_stream(BytesIO(file.read(size)))["hash"])
    return pl.concat(parts)
