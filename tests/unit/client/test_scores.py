"""The client reads a stream of scores, also one that ends before its summary."""

import json
from typing import Any

import httpx2
import pytest

from logleap.client import Incomplete
from logleap.client._api import Scores


def _scores(*lines: Any) -> Scores:
    sent = [json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines]
    return Scores(httpx2.Response(200, content=b"".join(sent)))


def test_scores_that_end_with_a_problem_say_its_code_and_detail() -> None:
    problem = {"code": "BODY_INCOMPLETE", "detail": "The body ended after 7 bytes."}
    with pytest.raises(Incomplete, match=r"BODY_INCOMPLETE: The body ended after 7 bytes\.") as ended:
        list(_scores({"index": 0}, {"problem": problem}))
    assert ended.value.problem == problem


def test_scores_that_end_without_a_summary_or_a_problem_say_so() -> None:
    with pytest.raises(Incomplete, match="without their summary") as ended:
        list(_scores({"index": 0}))
    assert ended.value.problem is None
