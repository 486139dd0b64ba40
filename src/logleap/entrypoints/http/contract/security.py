"""The ways to show a key, for the OpenAPI document."""

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
"""The ways to show a key, as OpenAPI names them."""
