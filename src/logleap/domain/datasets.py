"""A data set, its states, and the one table that says which action leads from which state to which."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from logleap.domain.entries import Totals
from logleap.domain.errors import InvalidTransition


class State(StrEnum):
    """Where a data set is in its life."""

    CREATED = "created"
    UPLOADING = "uploading"
    TRAINING = "training"
    TRAINED = "trained"
    FAILED = "failed"
    ARCHIVED = "archived"
    DELETING = "deleting"


class Action(StrEnum):
    """What can happen to a data set."""

    UPLOAD = "upload"
    TRAIN = "train"
    SUCCEED = "succeed"
    FAIL = "fail"
    ARCHIVE = "archive"
    DELETE = "delete"


TRANSITIONS: Mapping[tuple[State, Action], State] = MappingProxyType(
    {
        (State.CREATED, Action.UPLOAD): State.UPLOADING,
        (State.CREATED, Action.ARCHIVE): State.ARCHIVED,
        (State.UPLOADING, Action.UPLOAD): State.UPLOADING,
        (State.UPLOADING, Action.TRAIN): State.TRAINING,
        (State.UPLOADING, Action.ARCHIVE): State.ARCHIVED,
        (State.TRAINING, Action.SUCCEED): State.TRAINED,
        (State.TRAINING, Action.FAIL): State.FAILED,
        (State.TRAINED, Action.TRAIN): State.TRAINING,
        (State.TRAINED, Action.ARCHIVE): State.ARCHIVED,
        (State.FAILED, Action.TRAIN): State.TRAINING,
        (State.FAILED, Action.ARCHIVE): State.ARCHIVED,
        (State.ARCHIVED, Action.TRAIN): State.TRAINING,
        (State.ARCHIVED, Action.ARCHIVE): State.ARCHIVED,
        (State.CREATED, Action.DELETE): State.DELETING,
        (State.UPLOADING, Action.DELETE): State.DELETING,
        (State.TRAINED, Action.DELETE): State.DELETING,
        (State.FAILED, Action.DELETE): State.DELETING,
        (State.ARCHIVED, Action.DELETE): State.DELETING,
        (State.DELETING, Action.DELETE): State.DELETING,
    }
)
"""The only place that knows which action is allowed when. A pair that is missing is refused.

An archiving that fails leads back to the state before it: `Dataset.with_archiving_undone`.
"""


class EventKind(StrEnum):
    """The entries of a data set's log."""

    ANNOUNCED = "announced"
    FIRST_ENTRIES = "first-entries"
    TRAINING_STARTED = "training-started"
    TRAINING_CLAIMED = "training-claimed"
    TRAINING_HANDED_BACK = "training-handed-back"
    TRAINING_CANCEL_REQUESTED = "training-cancel-requested"
    TRAINING_REPUBLISHED = "training-republished"
    TRAINING_SUCCEEDED = "training-succeeded"
    TRAINING_FAILED = "training-failed"
    ARCHIVED = "archived"
    ARCHIVE_FAILED = "archive-failed"
    ARCHIVING_DUE = "archiving-due"
    DELETION_DUE = "deletion-due"


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a data set's log: when (UTC), what, and a sentence for people."""

    at: datetime
    kind: EventKind
    detail: str


@dataclass(frozen=True, slots=True)
class Archive:
    """Where an archived data set's entries lie, and what they must add up to.

    `sha256` (hex) is the digest of the archive file's bytes.
    """

    url: str
    entries: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Retention:
    """After how long a data set is archived and deleted by itself. None: never.

    `archive_after` counts from the end of the last successful run, `delete_after` from the later of the last
    acknowledged batch and the end of the last run.
    """

    archive_after: timedelta | None = None
    delete_after: timedelta | None = None


NO_RETENTION = Retention()


def _shorter(one: timedelta | None, other: timedelta | None) -> timedelta | None:
    return min((after for after in (one, other) if after is not None), default=None)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set as its owner announced it. Times are UTC; `updated_at` is the last change of state.

    `version` grows by one with each change: storing a change is refused when another came first.
    `sealed` is what its receipts add up to, known once a training was started or an archive written:
    no entry can be added from then on. `archive`, once there is one, is where the entries are; `dropped`
    tells that the store holds none of them any more. `archived_from` is the state that it was archived in.
    `retention` is what its owner asked for. `trained_at` is the end of the last successful run. `active_at`
    is a time until which it is known to have been used: by a batch or by a run. There may be later batches
    while it takes entries, since a batch changes nothing of the data set.
    """

    dataset_id: str
    owner: str
    created_at: datetime
    updated_at: datetime
    name: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    state: State = State.CREATED
    version: int = 1
    run_id: str | None = None
    sealed: Totals | None = None
    archive: Archive | None = None
    dropped: bool = False
    archived_from: State | None = None
    retention: Retention = NO_RETENTION
    trained_at: datetime | None = None
    active_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.active_at is None:  # as of what earlier versions have stored
            object.__setattr__(self, "active_at", self.updated_at)

    @property
    def last_active(self) -> datetime:
        """When it was used last, as far as it is known here."""
        return self.active_at or self.updated_at

    @property
    def archivable(self) -> bool:
        """Whether it is archived by itself once its time has come."""
        return self.state is State.TRAINED and self.archive is None

    @property
    def deletable(self) -> bool:
        """Whether it is deleted by itself once its time has come: never while a training is under way."""
        return self.state not in (State.TRAINING, State.DELETING)

    def archive_at(self, longest: Retention) -> datetime | None:
        """When it is archived by itself, where the operator has set `longest`."""
        after = _shorter(self.retention.archive_after, longest.archive_after)
        if after is None or self.trained_at is None or not self.archivable:
            return None
        return self.trained_at + after

    def delete_at(self, longest: Retention) -> datetime | None:
        """When it is deleted by itself, at the earliest: each later batch and run counts anew."""
        after = _shorter(self.retention.delete_after, longest.delete_after)
        return self.last_active + after if after is not None and self.deletable else None

    @property
    def unfinished(self) -> bool:
        """Whether archiving or deleting has begun and is still to be brought to its end."""
        archiving = self.state is State.ARCHIVED or self.archive is not None
        return self.state is State.DELETING or (archiving and not self.dropped)

    def next_state(self, action: Action) -> State:
        """The state that `action` leads to. Raises InvalidTransition if there is none."""
        target = TRANSITIONS.get((self.state, action))
        if target is None:
            raise InvalidTransition(self.dataset_id, self.state, action)
        return target

    def after(self, action: Action, now: datetime) -> "Dataset":
        """The data set after `action`, one version on. Raises InvalidTransition if it is not allowed now."""
        changed = replace(self, state=self.next_state(action), version=self.version + 1, updated_at=now)
        if action in (Action.UPLOAD, Action.SUCCEED, Action.FAIL):
            changed = replace(changed, active_at=now)
        if action is Action.ARCHIVE and self.state is not State.ARCHIVED:
            changed = replace(changed, archived_from=self.state)
        return replace(changed, trained_at=now) if action is Action.SUCCEED else changed

    def with_activity(self, at: datetime) -> "Dataset":
        """The data set known to have been used at this time, one version on."""
        return replace(self, active_at=at, version=self.version + 1)

    def with_archiving_undone(self, now: datetime) -> "Dataset":
        """The data set in the state that it had before an archiving that failed, one version on.

        Raises InvalidTransition if its archive is written, or if that state is not known.
        """
        if self.state is not State.ARCHIVED or self.archive is not None or self.archived_from is None:
            raise InvalidTransition(self.dataset_id, self.state, "undoing an archiving")
        return replace(
            self, state=self.archived_from, archived_from=None, version=self.version + 1, updated_at=now
        )

    def with_archive(self, archive: Archive, totals: Totals, now: datetime) -> "Dataset":
        """The data set with its archive written and verified, one version on."""
        return replace(self, archive=archive, sealed=totals, version=self.version + 1, updated_at=now)

    def without_rows(self, now: datetime) -> "Dataset":
        """The archived data set with its rows dropped from the store, one version on."""
        return replace(self, dropped=True, version=self.version + 1, updated_at=now)
