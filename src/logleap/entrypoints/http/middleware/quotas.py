"""What each owner may use up in a time: requests, entries, data sets. Nothing is limited unless it is set.

`limits` counts, in this process or in a store that several share, in windows that begin with an owner's first
use: whoever waits as long as they are told is let in. It guards the service, the promise does not rest on it:
while the store does not answer, requests are let in, and the log says so.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import NamedTuple, TypeVar

from flask import Response
from limits import RateLimitItem, WindowStats, parse
from limits.errors import ConfigurationError, StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter

from logleap.entrypoints.http.errors.refusals import HttpError
from logleap.extras import install_command
from logleap.settings import Settings, SettingsError

log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")
_Other = TypeVar("_Other")

_STORE_TIMEOUT = 0.5  # seconds that a request waits for a store that is away
_AWAY = 5.0  # seconds for which it is not asked again, so that few requests wait


class _Left(NamedTuple):
    amount: int
    seconds: int


class Standing(NamedTuple):
    """What a quota allows in a window of so many seconds, and what is left for the next `resets_in` seconds.

    The last two are None if the store does not answer.
    """

    what: str
    amount: int
    window: int
    left: int | None
    resets_in: int | None


class Counts:
    """What was used up of everything by everyone: in the Redis at `url`, or in this process.

    Raises ConfigurationError if Redis' client is not installed, ValueError if `url` is none.
    """

    def __init__(self, url: str | None) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage() if url is None else _redis(url))
        # Two threads in limits' memory at once may start one timer twice: mended after its 5.8.
        self._turn = threading.Lock() if url is None else nullcontext()
        self._away_until = -math.inf

    def add(self, item: RateLimitItem, who: str, amount: int) -> bool:
        """Whether all of it was left."""

        def hit() -> bool:
            if self._limiter.hit(item, who, cost=amount):
                return True
            if not _is_ahead(self._limiter.get_window_stats(item, who), item):
                return False
            self._limiter.clear(item, who)
            return self._limiter.hit(item, who, cost=amount)

        return self._asked(hit, otherwise=True)

    def left(self, item: RateLimitItem, who: str) -> _Left | None:
        """What is left, and until when; None if the store does not answer."""

        def current() -> WindowStats:
            stats = self._limiter.get_window_stats(item, who)
            if _is_ahead(stats, item):
                self._limiter.clear(item, who)
                stats = self._limiter.get_window_stats(item, who)
            return stats

        stats = self._asked(current, otherwise=None)
        if stats is None:
            return None
        return _Left(stats.remaining, max(0, math.ceil(stats.reset_time - time.time())))

    def _asked(self, question: Callable[[], _Answer], otherwise: _Other) -> _Answer | _Other:
        if time.monotonic() < self._away_until:
            return otherwise
        try:
            with self._turn:
                return question()
        except StorageError as error:
            self._away_until = time.monotonic() + _AWAY
            log.warning("quota store unavailable; nothing is limited for %g s: %s", _AWAY, error)
            return otherwise


def _is_ahead(stats: WindowStats, item: RateLimitItem) -> bool:
    """Whether a window ends later than one that begins now: it began before the clock was set back."""
    return stats.reset_time > time.time() + item.get_expiry() + 1


def _redis(url: str) -> RedisStorage:
    return RedisStorage(
        url, wrap_exceptions=True, socket_timeout=_STORE_TIMEOUT, socket_connect_timeout=_STORE_TIMEOUT
    )


class Quota:
    """How much of `what` each owner may use up. `rate` is like `600/minute`; None: any amount."""

    def __init__(self, what: str, rate: str | None, counts: Counts) -> None:
        self._what = what
        self._item = parse(rate) if rate is not None else None
        self._counts = counts

    @property
    def limited(self) -> bool:
        """Whether there is a limit."""
        return self._item is not None

    def take(self, owner: str) -> None:
        """Use up one. Raises HttpError (429) if none was left."""
        if self._item is not None and not self._counts.add(self._item, self._who(owner), 1):
            raise self._refusal(self._item, self._counts.left(self._item, self._who(owner)))

    def require(self, owner: str, unless: Callable[[], bool] = lambda: False) -> None:
        """Raises HttpError (429) if none is left, and not `unless()`; uses up nothing."""
        if self._item is not None:
            left = self._counts.left(self._item, self._who(owner))
            if left is not None and left.amount == 0 and not unless():
                raise self._refusal(self._item, left)

    def spend(self, owner: str, amount: int) -> None:
        """Use up `amount` of what was required before, and more than was left if need be."""
        if self._item is not None:
            self._counts.add(self._item, self._who(owner), amount)

    def standing(self, owner: str) -> Standing | None:
        """How it stands for the owner; None if there is no limit."""
        if self._item is None:
            return None
        left = self._counts.left(self._item, self._who(owner)) or (None, None)
        return Standing(self._what, self._item.amount, self._item.get_expiry(), *left)

    def tell(self, owner: str, response: Response) -> None:
        """Add the quota, and what is left of it, to the headers of `response`."""
        if self._item is None:
            return
        name, policy = self._what, self._item
        response.headers.add("RateLimit-Policy", f'"{name}";q={policy.amount};w={policy.get_expiry()}')
        left = self._counts.left(policy, self._who(owner))
        if left is not None:
            response.headers.add("RateLimit", f'"{name}";r={left.amount};t={left.seconds}')

    def _who(self, owner: str) -> str:
        return f"logleap/{self._what}/{owner}"

    def _refusal(self, item: RateLimitItem, left: _Left | None) -> HttpError:
        wait = max(1, left.seconds if left is not None else item.get_expiry())
        return HttpError(
            "QUOTA_EXCEEDED",
            f"Your quota of {item.amount} {self._what} per {item.GRANULARITY.name} is used up. The request "
            f"had no effect. Retry in {wait} s.",
            {"Retry-After": str(wait)},
        )


class Quotas:
    """The quotas that are set. Raises SettingsError if their store's address or driver is none."""

    def __init__(self, settings: Settings) -> None:
        try:
            counts = Counts(settings.quota_store)
        except ConfigurationError as error:
            raise SettingsError(
                f"LOGLEAP_QUOTA_STORE needs redis, which is not installed: {install_command('redis')}"
            ) from error
        except ValueError as error:  # the store's password may stand in it
            raise SettingsError(f"LOGLEAP_QUOTA_STORE is not a valid Redis URL: {error}.") from None
        self.requests = Quota("requests", settings.requests_per_owner, counts)
        self.entries = Quota("entries", settings.entries_per_owner, counts)
        self.datasets = Quota("data sets", settings.datasets_per_owner, counts)

    @property
    def limited(self) -> bool:
        """Whether any is set."""
        return self.requests.limited or self.entries.limited or self.datasets.limited

    def standings(self, owner: str) -> Sequence[Standing]:
        """How those that are set stand for the owner."""
        quotas = (self.requests, self.entries, self.datasets)
        return [found for quota in quotas if (found := quota.standing(owner)) is not None]

    def tell(self, owner: str, response: Response) -> None:
        """Add all to the headers of `response`: draft-ietf-httpapi-ratelimit-headers-10."""
        for quota in (self.requests, self.entries, self.datasets):
            quota.tell(owner, response)
