"""What a task may return: a JSON object that every backend stores as it is."""

import json

from logleap.domain.runs import JsonObject
from logleap.ports.task import TaskFailed

MAX_RESULT_BYTES = 256 * 1024
"""A Firestore document may have 1 MiB: https://firebase.google.com/docs/firestore/quotas"""

MAX_RESULT_DEPTH = 100
"""Objects and lists in one another. The API's encoder can answer some 250."""


def checked_result(result: JsonObject) -> JsonObject:
    """A copy of a task's result. Raises TaskFailed unless it is a JSON object of bounded size and depth."""
    try:
        text = json.dumps(result, allow_nan=False, ensure_ascii=False).encode()
        copy = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise TaskFailed(f"the task's result is not JSON: {error}") from error
    if not isinstance(copy, dict):
        raise TaskFailed(f"the task's result must be a JSON object, not {type(result).__name__}")
    if len(text) > MAX_RESULT_BYTES:
        raise TaskFailed(
            f"the task's result has {len(text)} bytes of JSON; the limit is {MAX_RESULT_BYTES}: "
            "store large results elsewhere and return a reference"
        )
    if (depth := _depth(copy)) > MAX_RESULT_DEPTH:
        raise TaskFailed(
            f"the task's result nests objects and lists {depth} deep; the limit is {MAX_RESULT_DEPTH}"
        )
    return copy


def _depth(result: object) -> int:
    depth, level = 0, [result]
    while level := [value for value in level if isinstance(value, dict | list)]:
        depth += 1
        level = [inner for value in level for inner in (value.values() if isinstance(value, dict) else value)]
    return depth
