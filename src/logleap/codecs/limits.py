"""The most that is taken at once, unless the operator sets other limits."""

from dataclasses import dataclass

MIB = 1 << 20
SPREAD = 4
"""How many times the largest body an OTLP export may become, as its resource goes into each entry."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of a decoded JSON body, of a decoded NDJSON body, of one entry's JSON; entries of a JSON body.

    They are LogLeap's own; what is above is refused, never cut.
    """

    json_bytes: int = 10 * MIB
    ndjson_bytes: int = 1024 * MIB
    entry_bytes: int = MIB
    json_entries: int = 50_000


DEFAULT_LIMITS = Limits()
