"""Files that are written as a whole or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def whole_file(target: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """A file that gets its name when it is complete, and on the disk; otherwise nothing is left.

    It is given with the path that it has until then. Raises OSError.
    """
    descriptor, name = tempfile.mkstemp(".part", f".{target.name[:100]}.", target.absolute().parent)
    try:
        with open(descriptor, "w+b") as file:  # noqa: PTH123 -- a descriptor
            yield file, Path(name)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)  # as any other file: it was made for its owner alone
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)
