"""Refusals: what the caller asked for cannot be done, and nothing was changed.

A refusal carries facts. The entry points put them into words for those whom they serve: HTTP in
`entrypoints/http/errors/refusals.py`, the command line where it needs to. `logleap.errors` maps them all.
"""

from collections.abc import Sequence
from dataclasses import dataclass


class Refusal(Exception):
    """Base of all refusals. The fields are the facts; the text is a short sentence of them, for logs."""


class DatasetNotFound(Refusal):
    """There is no such data set for this owner. Another owner's data set is refused in the same words."""

    def __init__(self, dataset_id: str) -> None:
        super().__init__(f"there is no data set {dataset_id!r}")
        self.dataset_id = dataset_id


class RunNotFound(Refusal):
    """The data set has no training run yet, or none of the id `run_id`."""

    def __init__(self, dataset_id: str, run_id: str | None = None) -> None:
        which = "training run" if run_id is None else f"training run {run_id!r}"
        super().__init__(f"data set {dataset_id!r} has no {which}")
        self.dataset_id = dataset_id
        self.run_id = run_id


class InvalidTransition(Refusal):
    """The data set's state does not allow the action.

    `state` and `action` are those of `logleap.domain.datasets`; `archived` with `train` means that the
    archive is still being written. A report (`REPORT`) and reading the entries (`READ`) change no state, and
    so are no actions there.
    """

    REPORT = "report"
    READ = "read"

    def __init__(self, dataset_id: str, state: str, action: str) -> None:
        super().__init__(f"data set {dataset_id!r} in state {state} does not allow {action}")
        self.dataset_id = dataset_id
        self.state = state
        self.action = action


class EntryNotFound(Refusal):
    """The data set has no acknowledged entry at this place."""

    def __init__(self, dataset_id: str, batch_id: str, sequence: int) -> None:
        super().__init__(f"data set {dataset_id!r} has no entry {sequence} of a batch {batch_id!r}")
        self.dataset_id = dataset_id
        self.batch_id = batch_id
        self.sequence = sequence


class PositionNotFound(Refusal):
    """A selection was to go on after an entry that is not one of it."""

    def __init__(self) -> None:
        super().__init__("the selection has no such entry to go on after")


class RunFinished(Refusal):
    """The run has succeeded or failed: it cannot change any more."""

    def __init__(self, run_id: str, state: str) -> None:
        super().__init__(f"run {run_id!r} has {state} and cannot change any more")
        self.run_id = run_id
        self.state = state


class RunCancelled(Refusal):
    """The run was cancelled: it can only fail any more, and stores no result."""

    def __init__(self, run_id: str) -> None:
        super().__init__(f"run {run_id!r} was cancelled")
        self.run_id = run_id


class TimeLimitTooLong(Refusal):
    """A training was to be allowed more time than the operator allows. Both are in seconds."""

    def __init__(self, seconds: float, longest: float) -> None:
        super().__init__(f"a time limit of {seconds:g} s is above the longest one, {longest:g} s")
        self.seconds = seconds
        self.longest = longest


class RetentionTooLong(Refusal):
    """A data set was to be kept for longer (`field`) than the operator allows. Both are in seconds."""

    def __init__(self, field: str, seconds: float, longest: float) -> None:
        super().__init__(f"{field} of {seconds:.0f} s is above the operator's, {longest:.0f} s")
        self.field = field
        self.seconds = seconds
        self.longest = longest


class DatasetEmpty(Refusal):
    """A training was asked for, but no entries were acknowledged."""

    def __init__(self, dataset_id: str) -> None:
        super().__init__(f"data set {dataset_id!r} has no entries")
        self.dataset_id = dataset_id


class EntryCountDiffers(Refusal):
    """The number of acknowledged entries is not the one that the caller expected."""

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(f"{expected} entries were expected, but {actual} were acknowledged")
        self.expected = expected
        self.actual = actual


class RunInProgress(Refusal):
    """Another training run is under way on this data set: `run_id`, of `task`.

    `key` is the idempotency key of the refused start. A start without one is refused because the run has
    another task or other parameters; a start with one also if these are the same.
    """

    def __init__(self, dataset_id: str, run_id: str, task: str, key: str | None = None) -> None:
        super().__init__(f"run {run_id!r} of task {task!r} is under way on data set {dataset_id!r}")
        self.dataset_id = dataset_id
        self.run_id = run_id
        self.task = task
        self.key = key


class TaskUnknown(Refusal):
    """The training task asked for is not one that the operator offers."""

    def __init__(self, task: str, offered: Sequence[str]) -> None:
        super().__init__(f"there is no training task {task!r} among {', '.join(offered)}")
        self.task = task
        self.offered = offered


class ParameterInvalid(Refusal):
    """A parameter of a training task (`field`) that it does not have, or cannot have: `problem` says how."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"the parameter {field[:100]!r} is {problem}")
        self.field = field
        self.problem = problem


class ModelMissing(Refusal):
    """The data set has no log model. `dataset_id` is None if no earlier one of a series has one."""

    def __init__(self, dataset_id: str | None) -> None:
        which = "no earlier data set of the series" if dataset_id is None else f"data set {dataset_id!r}"
        super().__init__(f"{which} has a log model" if dataset_id is None else f"{which} has no log model")
        self.dataset_id = dataset_id


class ModelUnusable(Refusal):
    """The data set's log model cannot be matched with; `why` is a sentence with the remedy."""

    def __init__(self, dataset_id: str, why: str) -> None:
        super().__init__(f"the log model of data set {dataset_id!r} cannot be used: {why}")
        self.dataset_id = dataset_id
        self.why = why


class TemplateNotFound(Refusal):
    """The data set's current log model has no template of this id."""

    def __init__(self, dataset_id: str, template: str) -> None:
        super().__init__(f"the log model of data set {dataset_id!r} has no template {template[:40]!r}")
        self.dataset_id = dataset_id
        self.template = template


class KeyReused(Refusal):
    """The idempotency key was used before for another request."""

    def __init__(self, key: str) -> None:
        super().__init__(f"idempotency key {key!r} was used before for another request")
        self.key = key


class StoredPartially(Refusal):
    """The batch of the idempotency key is in the data set, without the invalid entries that it came with.

    The refused repetition does not accept that. `batch_id` has so many `entries`.
    """

    def __init__(self, key: str, batch_id: str, entries: int) -> None:
        super().__init__(f"batch {batch_id!r} of idempotency key {key!r} was stored with {entries} entries")
        self.key = key
        self.batch_id = batch_id
        self.entries = entries


class InvalidArtifact(Refusal):
    """A name or a media type (`field`) that an artifact cannot have; `allowed` says what it can."""

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(f"the artifact's {field} {str(value)[:300]!r} is not {allowed}")
        self.field = field
        self.value = value
        self.allowed = allowed


class ArtifactsTooLarge(Refusal):
    """The artifacts of a run have more bytes together than the operator allows."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"the run's artifacts have more than {limit} bytes together: save less, or ask the operator for "
            "a higher limit"
        )
        self.limit = limit


class ArtifactNotFound(Refusal):
    """The run has no artifact `name`, but those of the names `there`."""

    def __init__(self, dataset_id: str, name: str, there: Sequence[str]) -> None:
        super().__init__(f"data set {dataset_id!r} has no artifact {name!r}")
        self.dataset_id = dataset_id
        self.name = name
        self.there = there


class InvalidApiKey(Refusal):
    """Unknown, or its secret is wrong, or it was revoked: which of these is deliberately not disclosed."""

    def __init__(self) -> None:
        super().__init__("the API key is not valid")


class KeyNotFound(Refusal):
    """There is no stored API key of this id."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"there is no stored key {key_id!r}")
        self.key_id = key_id


class InvalidKeyText(Refusal):
    """An owner's name or a note (`field`) that an API key cannot have; `allowed` says what it can."""

    def __init__(self, field: str, value: str, allowed: str) -> None:
        super().__init__(f"{field} {value[:300]!r} is not {allowed}")
        self.field = field
        self.value = value
        self.allowed = allowed


class BatchEmpty(Refusal):
    """A body without a single entry."""

    def __init__(self) -> None:
        super().__init__("there are no entries")


@dataclass(frozen=True, slots=True)
class EntryError:
    """What is wrong with one entry: `index` counts entries from 0, `line` (NDJSON only) lines from 1.

    `code` is stable and UPPER_SNAKE, `field` the one that is wrong, `detail` says how and what is right.
    `mappings` are the names of those field mappings by which the entry would be taken.
    """

    index: int
    code: str
    detail: str
    field: str | None = None
    line: int | None = None
    mappings: Sequence[str] = ()


class InvalidEntries(Refusal):
    """Entries that cannot be taken. None of their request is stored.

    `errors` are the first 100, in order; `total` counts all (of NDJSON up to 100,000, where reading stops).
    """

    def __init__(self, errors: Sequence[EntryError], total: int) -> None:
        super().__init__(f"{total} of the entries are invalid")
        self.errors = errors
        self.total = total
