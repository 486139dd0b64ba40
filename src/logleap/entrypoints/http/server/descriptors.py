"""How many connections a process may hold: each needs descriptors, and so does the work itself."""

import sys
from contextlib import suppress

_MOST, _FEWEST = 1000, 16
_EACH = 3  # its own, and a file each for a large body and a large answer
_RESERVED = 256  # for databases, logs, Google's clients


def connections_that_fit() -> int:
    """1,000, or as many as leave descriptors for the work. Raises this process's own limit for that."""
    if sys.platform == "win32":
        return _MOST
    import resource

    wanted = _MOST * _EACH + _RESERVED
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = (wanted if limit == resource.RLIM_INFINITY else limit for limit in limits)
    if soft < wanted:
        with suppress(OSError, ValueError):  # it may be forbidden: then there are as many as there are
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), limits[1]))
            soft = min(wanted, hard)
    return max(_FEWEST, min(_MOST, (soft - _RESERVED) // _EACH))
