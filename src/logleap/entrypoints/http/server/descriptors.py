"""How many connections a process may hold: each needs descriptors, and so does the work itself."""

import sys
from contextlib import suppress

MAX_CONNECTIONS, MIN_CONNECTIONS = 1000, 16
DESCRIPTORS_PER_CONNECTION = 3
"""Its own, and one each for the files of a large body and a large answer."""

RESERVED_DESCRIPTORS = 256
"""For databases, logs, Google's clients."""


def connections_that_fit() -> int:
    """1,000, or as many as leave descriptors for the work. Raises this process's own limit if need be."""
    if sys.platform == "win32":
        return MAX_CONNECTIONS
    import resource

    wanted = MAX_CONNECTIONS * DESCRIPTORS_PER_CONNECTION + RESERVED_DESCRIPTORS
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = (wanted if limit == resource.RLIM_INFINITY else limit for limit in limits)
    if soft < wanted:
        with suppress(OSError, ValueError):  # where that is forbidden, the present limit stays
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), limits[1]))
            soft = min(wanted, hard)
    return max(
        MIN_CONNECTIONS, min(MAX_CONNECTIONS, (soft - RESERVED_DESCRIPTORS) // DESCRIPTORS_PER_CONNECTION)
    )
