"""Messages as Pub/Sub hands them over by HTTP."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logleap.entrypoints.pubsub.envelope import Envelope, NotAnEnvelope, open_envelope, read_envelope


@given(st.binary())
def test_what_was_published_comes_out_byte_for_byte(body: bytes) -> None:
    data = base64.b64encode(body).decode()
    pushed = {
        "message": {"data": data, "messageId": "17", "attributes": {"sender": "x"}},
        "subscription": "s",
    }

    assert read_envelope(json.dumps(pushed).encode()) == Envelope(body, "17")


@pytest.mark.parametrize("message", [{}, {"data": ""}, {"data": None}, {"attributes": {"a": "b"}}])
def test_a_message_may_have_no_data_no_attributes_and_no_id(message: dict[str, Any]) -> None:
    assert open_envelope({"message": message}) == Envelope(b"", "unknown")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"\xff",
        b"[" * 100_000,
        b"null",
        b"[]",
        b"{}",
        b'{"message": "text"}',
        b'{"message": {"data": "not base64!"}}',
        b'{"message": {"data": 5}}',
        b'{"owner": "a", "dataId": "b", "runId": "c"}',
    ],
)
def test_anything_else_is_refused_with_a_reason(content: bytes) -> None:
    with pytest.raises(NotAnEnvelope, match=r"it |message\.data"):
        read_envelope(content)


_VALUES = st.none() | st.integers() | st.text()
_MESSAGES = _VALUES | st.dictionaries(st.sampled_from(["data", "messageId", "message_id"]), _VALUES)


@given(_VALUES | st.dictionaries(st.sampled_from(["message", "subscription"]), _MESSAGES))
def test_no_json_makes_it_fail_otherwise(content: object) -> None:
    try:
        envelope = open_envelope(content)
    except NotAnEnvelope:
        return
    assert isinstance(envelope.body, bytes)
