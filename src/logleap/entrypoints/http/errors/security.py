"""The ways to show a key, and what a request without a valid one is told."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

SCHEMES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "apiKey": {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Key",
            "description": "`<keyId>.<secret>`, as the operator gave it to you.",
        },
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "The same key, as `Authorization: Bearer <keyId>.<secret>`.",
        },
    }
)
"""As OpenAPI names them."""

CHALLENGE: Mapping[str, str] = MappingProxyType({"WWW-Authenticate": 'Bearer realm="logleap"'})
"""The header of a 401 (RFC 9110, 11.6.1)."""
