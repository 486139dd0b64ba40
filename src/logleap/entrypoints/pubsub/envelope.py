"""The JSON in which Pub/Sub hands a message over by HTTP, to a function as to a push endpoint."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message as it came: what was published, and under which id (for the log)."""

    body: bytes
    message_id: str


class NotAnEnvelope(Exception):
    """This is no message of Pub/Sub's. The text says what is wrong with it."""


def open_envelope(content: object) -> Envelope:
    """The message in `{"message": {"data": BASE64, "messageId": …}, …}`. Raises NotAnEnvelope.

    A message may come without data or without attributes. The format:
    https://docs.cloud.google.com/pubsub/docs/push#receive_push
    """
    message = content.get("message") if isinstance(content, Mapping) else None
    if not isinstance(message, Mapping):
        raise NotAnEnvelope("it has no object `message`: is payload unwrapping on? LogLeap needs it off")
    data = message.get("data") or ""
    try:
        body = base64.b64decode(data, validate=True)
    except (TypeError, ValueError) as error:
        raise NotAnEnvelope(f"message.data is not base64: {error}") from error
    return Envelope(body, str(message.get("messageId") or message.get("message_id") or "unknown"))


def read_envelope(content: bytes) -> Envelope:
    """The message in the body of a push request. Raises NotAnEnvelope."""
    try:
        parsed: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise NotAnEnvelope(f"it is not JSON: {error}") from error
    return open_envelope(parsed)
