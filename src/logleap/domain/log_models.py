"""Log models as the rest of the service sees them: files that runs of one task save, under fixed names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from logleap.domain.artifacts import Artifact
from logleap.domain.errors import ParameterInvalid

LOG_MODEL = "log-model"
"""The task that trains log models."""

MODEL_FILE = "log-model.json"
"""The artifact that holds the log model, as canonical JSON."""

CHANGES_FILE = "changes.json"
"""The artifact that holds the changes since the baseline, as canonical JSON."""

PREVIOUS = "previous"
"""As a baseline: the latest older data set of the series that has a log model."""

MAX_IGNORED = 1000
MAX_IGNORED_CHARS = 1000


@dataclass(frozen=True, slots=True)
class Baseline:
    """The log model that a run compares with: the artifact `model` of the run `run_id` of `dataset_id`."""

    dataset_id: str
    run_id: str
    model: Artifact


def baseline_of(fields: Mapping[str, Any]) -> Baseline:
    """The baseline of its fields, as `dataclasses.asdict` gives them."""
    return Baseline(fields["dataset_id"], fields["run_id"], Artifact(**fields["model"]))


@dataclass(frozen=True, slots=True)
class ModelParameters:
    """The parameters of the task `log-model`.

    `baseline` is the id of a data set, `PREVIOUS`, or None. `ignore` are ids of templates and patterns of
    their text that are no changes. A model that is not `current` is not the one of its data set.
    """

    baseline: str | None = None
    ignore: tuple[str, ...] = ()
    current: bool = True

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> "ModelParameters":
        """Read from what a client sent. Raises ParameterInvalid."""
        unknown = sorted(set(parameters) - {"baseline", "ignore", "current"})
        if unknown:
            raise ParameterInvalid(unknown[0], "unknown; the task has baseline, ignore and current")
        baseline = parameters.get("baseline")
        if baseline is not None and not (isinstance(baseline, str) and baseline):
            raise ParameterInvalid("baseline", f"not the id of a data set, {PREVIOUS!r} or null")
        ignore = parameters.get("ignore")
        ignore = [] if ignore is None else ignore
        if not isinstance(ignore, list) or len(ignore) > MAX_IGNORED:
            raise ParameterInvalid("ignore", f"not an array of at most {MAX_IGNORED} texts")
        for at, pattern in enumerate(ignore):
            if not isinstance(pattern, str) or not 0 < len(pattern) <= MAX_IGNORED_CHARS:
                raise ParameterInvalid(f"ignore.{at}", f"not a text of 1 to {MAX_IGNORED_CHARS} characters")
        if ignore and baseline is None:
            raise ParameterInvalid("ignore", "of no use without a baseline; send a baseline as well")
        current = parameters.get("current", True)
        if not isinstance(current, bool):
            raise ParameterInvalid("current", "neither true nor false")
        return cls(baseline, tuple(ignore), current)
