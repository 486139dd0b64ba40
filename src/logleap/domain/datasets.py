"""A data set, its states, and the one table that says which action leads from which state to which."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
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
class Dataset:
    """A data set as its owner announced it. Times are UTC; `updated_at` is the last change of state.

    `version` grows by one with each change: storing a change is refused when another came first.
    `sealed` is what its receipts add up to, known once a training was started or an archive written:
    no entry can be added from then on. `archive`, once there is one, is where the entries are; `dropped`
    tells that the store holds none of them any more. `archived_from` is the state that it was archived in.
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
        following = replace(self, state=self.next_state(action), version=self.version + 1, updated_at=now)
        if action is Action.ARCHIVE and self.state is not State.ARCHIVED:
            return replace(following, archived_from=self.state)
        return following

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
