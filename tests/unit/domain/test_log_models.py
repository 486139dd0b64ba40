"""The parameters of the task log-model, and the baseline as it is stored."""

from dataclasses import asdict
from typing import Any

import pytest

from logleap.domain.artifacts import Artifact
from logleap.domain.errors import ParameterInvalid
from logleap.domain.log_models import Baseline, ModelParameters, baseline_of


def test_the_parameters_have_defaults() -> None:
    assert ModelParameters.of({}) == ModelParameters(baseline=None, ignore=(), current=True)
    assert ModelParameters.of({"baseline": None, "ignore": None}) == ModelParameters()


def test_the_parameters_are_read_as_sent() -> None:
    given = {"baseline": "previous", "ignore": ["a*"], "current": False}
    assert ModelParameters.of(given) == ModelParameters("previous", ("a*",), current=False)


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"base": "x"}, "base"),
        ({"baseline": ""}, "baseline"),
        ({"baseline": 3}, "baseline"),
        ({"baseline": "x", "ignore": False}, "ignore"),
        ({"baseline": "x", "ignore": "a"}, "ignore"),
        ({"baseline": "x", "ignore": ["a"] * 1001}, "ignore"),
        ({"baseline": "x", "ignore": ["a", ""]}, "ignore.1"),
        ({"baseline": "x", "ignore": [7]}, "ignore.0"),
        ({"baseline": "x", "ignore": ["a" * 1001]}, "ignore.0"),
        ({"ignore": ["a"]}, "ignore"),
        ({"current": None}, "current"),
        ({"current": "false"}, "current"),
    ],
)
def test_a_wrong_parameter_is_refused_by_its_name(parameters: dict[str, Any], field: str) -> None:
    with pytest.raises(ParameterInvalid) as refusal:
        ModelParameters.of(parameters)
    assert refusal.value.field == field


def test_a_baseline_is_stored_by_its_fields() -> None:
    baseline = Baseline("d", "r", Artifact("log-model.json", "application/json", 9, "0" * 64, "b", "zstd"))
    assert baseline_of(asdict(baseline)) == baseline
