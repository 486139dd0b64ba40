"""Places in lists as opaque tokens, and back (AIP-158)."""

import base64
import binascii
import hashlib
import json
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from logleap.domain.datasets import State
from logleap.domain.selection import Position as EntryPosition
from logleap.entrypoints.http.errors.refusals import HttpError


class Listed(Protocol):
    """What a list shows. `mark` tells a page token that was made for another list."""

    @property
    def mark(self) -> str:
        """Made of all that tells this list from others."""
        ...


class Filters(NamedTuple):
    """Which data sets a list shows: those in this state, of exactly this name; None: any."""

    state: State | None
    name: str | None

    @property
    def mark(self) -> str:
        """Tells a page token that was made for other filters."""
        return hashlib.sha256(json.dumps(self).encode()).hexdigest()[:16]


class RunsOf(NamedTuple):
    """The runs of a data set."""

    data_id: str

    @property
    def mark(self) -> str:
        """Tells a page token that was made for another data set's runs."""
        return hashlib.sha256(json.dumps(["runs", self.data_id]).encode()).hexdigest()[:16]


def page_token(position: tuple[datetime, str] | None, listed: Listed) -> str | None:
    """A position in a list (a creation time and an id) as an opaque token."""
    if position is None:
        return None
    created_at, name = position
    plain = f"{listed.mark} {created_at.astimezone(UTC).isoformat()} {name}"
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def page_position(token: str, listed: Listed) -> tuple[datetime, str] | None:
    """The position that `token` stands for, None if it is empty.

    Raises HttpError for one that is no token, or was made for another list.
    """
    if not token:
        return None
    try:
        plain = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode()
        mark, created_at, name = plain.split(" ")
        position = datetime.fromisoformat(created_at).astimezone(UTC), name
    except (binascii.Error, ValueError, OverflowError):
        detail = "pageToken is not from this API. Omit it to begin with the first page."
        raise HttpError("PAGE_TOKEN_INVALID", detail) from None
    if mark != listed.mark:
        detail = (
            "pageToken is from another list: of another data set, or with another state or name. "
            "Send it with the parameters of its own list, or omit it."
        )
        raise HttpError("PAGE_TOKEN_INVALID", detail)
    return position


def entries_token(position: EntryPosition | None, mark: str) -> str | None:
    """Where the next page of entries begins, as an opaque token. `mark`: what it is a part of."""
    if position is None:
        return None
    plain = f"{position.micros} {position.sequence} {position.batch_id}"
    return base64.urlsafe_b64encode(f"{_digest(mark, plain)} {plain}".encode()).decode().rstrip("=")


def entries_position(token: str, mark: str) -> EntryPosition | None:
    """The place that `token` stands for, None if it is empty. Raises HttpError for one that is another's."""
    if not token:
        return None
    try:
        text = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode()
        digest, _, plain = text.partition(" ")
        micros, sequence, batch_id = plain.split(" ", 2)
        position = EntryPosition(int(micros), batch_id, int(sequence))
    except (binascii.Error, ValueError):
        digest, position = "", EntryPosition(0, "", 0)
        plain = ""
    if not digest or digest != _digest(mark, plain):
        detail = (
            "pageToken is not from this API, or is from other entries: of another data set, or of another "
            "from, to or contains. Send the same ones, or omit pageToken to begin with the first page."
        )
        raise HttpError("PAGE_TOKEN_INVALID", detail)
    return position


def _digest(mark: str, plain: str) -> str:
    """Tells tokens that were changed, or made for something else. Not a secret: a token gives no access."""
    return hashlib.sha256(f"{mark} {plain}".encode()).hexdigest()[:16]
