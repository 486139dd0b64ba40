"""What it means if there is no room for temporary files."""

from collections.abc import Iterator
from contextlib import contextmanager

from logleap.ports.errors import Unavailable


@contextmanager
def usable() -> Iterator[None]:
    """Turn an error of the temporary file in the block into Unavailable."""
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"a report needs room for temporary files, up to 16 bytes per entry: {error.strerror}"
        ) from error
