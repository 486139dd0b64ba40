"""The most that is taken at once, unless the operator sets other limits."""

from dataclasses import dataclass

MIB = 1 << 20
REQUEST_BYTES = 1_000_000
"""Bytes of a request's body, as it is sent, that LogLeap's clients do not exceed.

nginx refuses more than 1 MiB, 1,048,576 bytes, unless it is configured otherwise:
https://nginx.org/en/docs/http/ngx_http_core_module.html#client_max_body_size. A single larger entry is sent
all the same, alone.
"""
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
