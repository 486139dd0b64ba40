"""Tell others what has changed: in the order of the changes, until they have taken it or it is dead."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from logleap.domain.events import (
    LEAST_ATTEMPTS,
    LONGEST_PAUSE,
    MAX_ERROR_CHARS,
    EventClaim,
    WaitingEvent,
    back_off,
)
from logleap.ports.errors import Conflict
from logleap.ports.events import EventDeliverer, EventOutbox, NotDelivered
from logleap.usecases.types import Clock

log = logging.getLogger(__name__)

_SHARE = 20  # events of one data set at a time: then another one's turn comes


@dataclass(slots=True)
class Deliveries:
    """What became of the events of a claim: how many were delivered, failed (to be tried again), or died."""

    delivered: int = 0
    failed: int = 0
    dead: int = 0


@dataclass(frozen=True, slots=True)
class DeliverEvents:
    """Delivers one data set's events at a time; any number may do so at once.

    `lease` is longer than one delivery may take. An event that fails is tried again after `first_pause`, then
    ever later. It is dead if the receiver says so, or once its data set's events have failed for
    `give_up_after`. `jitter` gives numbers from 0 to 1.
    """

    outbox: EventOutbox
    deliverer: EventDeliverer
    now: Clock
    jitter: Callable[[], float]
    lease: timedelta
    first_pause: timedelta
    give_up_after: timedelta

    def claim(self) -> EventClaim | None:
        """A data set whose events are due, claimed; None if there is none. Raises Unavailable."""
        now = self.now()
        return self.outbox.claim(now, now + self.lease, _SHARE)

    def deliver(self, claim: EventClaim, stopping: Callable[[], bool] = lambda: False) -> Deliveries:
        """Deliver the events of a claim, until one fails or `stopping`. Raises Unavailable.

        The claim ends with it: at the latest when its lease runs out.
        """
        done = Deliveries()
        try:
            failing_since = claim.failing_since
            for waiting in claim.events:
                if stopping():
                    break
                try:
                    self.deliverer.deliver(waiting.event)
                except NotDelivered as error:
                    if stopping():
                        break  # broken off by us, perhaps: it does not count
                    failing_since = failing_since or self.now()
                    failed = self._failed(waiting, error, self.now() - failing_since)
                    if failed.dead_at is None:
                        done.failed += 1
                        pause = self._pause(failed.attempts, error)
                        self.outbox.postpone(claim, failed, failing_since, self.now() + pause)
                        log.warning("%s: %s; next try in %s", _name(waiting), error, pause)
                        return done
                    done.dead += 1
                    self.outbox.bury(claim, failed, failing_since, self.now() + self.lease)
                    log.error("%s is given up after %s attempts: %s", _name(waiting), failed.attempts, error)
                else:
                    done.delivered += 1
                    failing_since = None
                    self.outbox.delivered(claim, waiting, self.now() + self.lease)
            self.outbox.release(claim, self.now())
        except Conflict as conflict:
            log.warning("%s: somebody else delivers its events now", conflict)
        return done

    def _failed(self, waiting: WaitingEvent, error: NotDelivered, failing: timedelta) -> WaitingEvent:
        attempts = waiting.attempts + 1
        failed = replace(waiting, attempts=attempts, error=str(error)[:MAX_ERROR_CHARS])
        if error.final or (failing >= self.give_up_after and attempts >= LEAST_ATTEMPTS):
            return replace(failed, dead_at=self.now())
        return failed

    def _pause(self, attempts: int, error: NotDelivered) -> timedelta:
        pause = back_off(attempts, self.first_pause, self.jitter())
        return min(max(pause, error.retry_after or pause), LONGEST_PAUSE)


def _name(waiting: WaitingEvent) -> str:
    event = waiting.event
    return f"event {event.event_id} ({event.kind} of data set {event.dataset_id})"
