"""Places in lists as opaque tokens, and back (AIP-158)."""

import base64
import binascii
import hashlib
import json
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from logleap.domain.datasets import State
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
