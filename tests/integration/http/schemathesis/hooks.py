"""What schemathesis does not know by itself."""

import json
import re
from itertools import count
from typing import Any

import schemathesis

KEYS = count()


@schemathesis.serializer("application/x-ndjson")
def ndjson(context: schemathesis.SerializationContext, value: Any) -> bytes:
    """An entry a line; a bad body, which is no list, as the only line."""
    lines = value if isinstance(value, list) else [value]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


@schemathesis.serializer("application/x-protobuf")
def protobuf(context: schemathesis.SerializationContext, value: Any) -> bytes:
    """An export of nothing: no schema tells what protobuf may hold."""
    return b""


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Without `mapping`, which says that the entries have other fields than the schema tells.

    And without `timezone`, which goes with it.
    """
    for path in ("/data/{dataId}", "/score/{dataId}"):
        call = raw_schema["paths"][path]["post"]
        call["parameters"] = [
            told for told in call["parameters"] if told["name"] not in ("mapping", "timezone")
        ]


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]
) -> None:
    """No Idempotency-Key comes twice: with another body it would rightly be refused."""
    if re.fullmatch('[!#-~]{1,255}|"[!#-~]{1,255}"', case.headers.get("Idempotency-Key", "")):
        case.headers["Idempotency-Key"] = f"key-{next(KEYS)}"
