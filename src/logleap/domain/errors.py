"""Refusals: what the caller asked for cannot be done, and nothing was changed."""

from collections.abc import Sequence
from dataclasses import dataclass


class Refusal(Exception):
    """Base of all refusals. The text says what is wrong, where, and what to do about it.

    `code` is stable and UPPER_SNAKE: clients may switch on it.
    """

    code: str = "REFUSED"


class DatasetNotFound(Refusal):
    """There is no such data set for this owner. Another owner's data set is refused in the same words."""

    code = "DATASET_NOT_FOUND"

    def __init__(self, dataset_id: str) -> None:
        super().__init__(
            f"There is no data set {dataset_id!r}. "
            "Announce one with POST /data and use the dataId it answers."
        )


class RunNotFound(Refusal):
    """The data set has no training run (of this id)."""

    code = "RUN_NOT_FOUND"

    def __init__(self, dataset_id: str) -> None:
        super().__init__(
            f"Data set {dataset_id!r} has no training run yet. Start one with POST /train/{dataset_id}."
        )


class ActionRefused(Refusal):
    """The data set's state does not allow the action."""

    code = "STATE_CONFLICT"


class DatasetEmpty(Refusal):
    """A training was asked for, but no entries were acknowledged."""

    code = "DATASET_EMPTY"

    def __init__(self, dataset_id: str) -> None:
        super().__init__(
            f"Data set {dataset_id!r} has no entries to train on. Post some to /data/{dataset_id} first."
        )


class EntryCountDiffers(Refusal):
    """`expectedEntries` is not the number of entries acknowledged."""

    code = "ENTRY_COUNT_DIFFERS"

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(
            f"expectedEntries is {expected}, but {actual} entries were acknowledged. Nothing was started: "
            "upload what is missing, or correct expectedEntries."
        )


class RunInProgress(Refusal):
    """Another training run, with another task or other parameters, is under way on this data set."""

    code = "RUN_IN_PROGRESS"


class TaskUnknown(Refusal):
    """The training task asked for is not one that the operator offers."""

    code = "TASK_UNKNOWN"

    def __init__(self, task: str, offered: Sequence[str]) -> None:
        super().__init__(f"There is no training task {task!r}. Use one of: {', '.join(offered)}.")


class KeyReused(Refusal):
    """The Idempotency-Key was used before with another body."""

    code = "IDEMPOTENCY_KEY_REUSED"

    def __init__(self, key: str) -> None:
        super().__init__(
            f"Idempotency-Key {key!r} was used before with another body. "
            "Send the same body again, or choose a new key for a new batch."
        )


class KeyRefused(Refusal):
    """The API key opens nothing: unknown, or its secret is wrong, or it was revoked. Which, is not told."""

    code = "API_KEY_INVALID"

    def __init__(self) -> None:
        super().__init__(
            "This key is not known, or its secret is wrong. Check it, or ask the operator for one."
        )


class KeyNotFound(Refusal):
    """There is no key of this id to revoke."""

    code = "API_KEY_NOT_FOUND"

    def __init__(self, key_id: str) -> None:
        super().__init__(f"There is no stored key {key_id!r}. logleap keys list shows those that are.")


class KeyTextRefused(Refusal):
    """An owner's name or a note that a key cannot have."""

    code = "API_KEY_TEXT_INVALID"

    def __init__(self, field: str, value: str, allowed: str) -> None:
        super().__init__(f"The {field} is {value[:300]!r}, but must be {allowed}.")


class BatchEmpty(Refusal):
    """A body without a single entry."""

    code = "BATCH_EMPTY"

    def __init__(self) -> None:
        super().__init__("The body holds no entries. Send at least one entry.")


@dataclass(frozen=True, slots=True)
class EntryError:
    """What is wrong with one entry: `index` counts entries from 0, `line` (NDJSON only) lines from 1."""

    index: int
    code: str
    detail: str
    field: str | None = None
    line: int | None = None


class EntriesRefused(Refusal):
    """Entries that cannot be taken. None of their request is stored.

    `errors` are the first 100, in order; `total` counts all (of NDJSON up to 100,000, where reading stops).
    """

    code = "ENTRIES_INVALID"

    def __init__(self, errors: Sequence[EntryError], total: int) -> None:
        super().__init__(
            f"{total} of the entries cannot be taken, so nothing of this request was stored. "
            "Correct what `errors` names and send the whole request again."
        )
        self.errors = errors
        self.total = total
