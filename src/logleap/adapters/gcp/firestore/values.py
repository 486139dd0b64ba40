"""A document's fields as protobuf has them, and back: those kinds that our documents use (documents.py).

The same as Google's client makes of them, without the objects that it puts around each value on the way, and
with plain datetimes: the kinds are those of `Value` in
https://github.com/googleapis/googleapis/blob/master/google/firestore/v1/document.proto
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from google.cloud.firestore_v1 import types
from google.protobuf.timestamp_pb2 import Timestamp

from logleap.adapters.gcp.firestore.documents import Document

_Value: Any = types.Value.pb()


def encoded(document: Document) -> dict[str, Any]:
    """`Value` messages. Raises TypeError at a kind that no document of ours has."""
    return {name: _encoded(value) for name, value in document.items()}


def decoded(fields: Mapping[str, Any]) -> Document:
    """The document that encoded() was made of; of a time, microseconds in UTC."""
    return {name: _decoded(value) for name, value in fields.items()}


def _encoded(value: object) -> Any:
    if isinstance(value, str):
        return _Value(string_value=value)
    if value is None:
        return _Value(null_value=0)
    if isinstance(value, bool):  # before int, which it is too
        return _Value(boolean_value=value)
    if isinstance(value, int):
        return _Value(integer_value=value)
    if isinstance(value, datetime):
        time = Timestamp()
        time.FromDatetime(value)
        return _Value(timestamp_value=time)
    if isinstance(value, dict):
        return _Value(map_value={"fields": encoded(value)})
    raise TypeError(f"documents have no {type(value).__name__}")


def _decoded(value: Any) -> Any:
    kind = value.WhichOneof("value_type")
    if kind == "null_value":
        return None
    if kind == "timestamp_value":
        return value.timestamp_value.ToDatetime(UTC)
    if kind == "map_value":
        return decoded(value.map_value.fields)
    return getattr(value, kind)
