"""The threads of a server or worker that deliver events."""

import logging
import threading
from dataclasses import dataclass

from logleap.container import Container
from logleap.domain.events import EventClaim
from logleap.ports.errors import Unavailable
from logleap.ports.events import EventOutbox
from logleap.telemetry.metrics import Metrics
from logleap.usecases.deliver_events import DeliverEvents

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Deliveries: so many data sets may wait for a slow receiver before the others do."""

STOP_SECONDS = 5.0
"""For what is under way. What is broken off then is sent again, by whoever claims it next."""


@dataclass(frozen=True, slots=True)
class EventDelivery:
    """Delivers events until told to stop, AT_ONCE data sets' at a time.

    One thread at a time looks for work, every `interval` seconds as long as there is none; the others deliver
    or wait for their turn. No request waits for any of them. Each `report_interval` seconds the backlog is
    counted.
    """

    outbox: EventOutbox
    deliver: DeliverEvents
    metrics: Metrics
    interval: float
    report_interval: float

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop` is set, and end within STOP_SECONDS of that."""
        turn = threading.Lock()
        threads = [
            threading.Thread(target=self._deliver_until, args=(stop, turn), name=f"events-{n}", daemon=True)
            for n in range(1, AT_ONCE + 1)
        ]
        for thread in threads:
            thread.start()
        while not stop.is_set():
            try:
                self.metrics.event_backlog(self.outbox.backlog())
            except Unavailable as error:
                log.warning("the events that wait are not counted: %s", error)
            except Exception:
                log.exception("failed to count the events that wait")
            stop.wait(self.report_interval)
        self.deliver.deliverer.close()
        for thread in threads:
            thread.join(STOP_SECONDS / AT_ONCE)

    def _deliver_until(self, stop: threading.Event, turn: threading.Lock) -> None:
        while not stop.is_set():
            try:
                with turn:
                    claim = self._next_claim(stop)
                if claim is not None:
                    done = self.deliver.deliver(claim, stop.is_set)
                    self.metrics.events_sent(done.delivered, done.failed, done.dead)
            except Unavailable as error:
                log.warning("events wait for the backend: %s", error)
                stop.wait(self.interval)
            except Exception:  # a bug must not end the thread: the claim runs out, and the events come again
                log.exception("failed to deliver events, continuing in %s s", self.interval)
                stop.wait(self.interval)

    def _next_claim(self, stop: threading.Event) -> EventClaim | None:
        while not stop.is_set():
            try:
                claim = self.deliver.claim()
            except Unavailable as error:  # one thread waits for it, not each
                log.warning("events wait for the backend: %s", error)
                claim = None
            if claim is not None:
                return claim
            stop.wait(self.interval)
        return None


def make_event_delivery(container: Container) -> EventDelivery | None:
    """The delivery of the settings; None if events are off."""
    settings, outbox, deliver = container.settings(), container.backend().events, container.deliver_events()
    if outbox is None or deliver is None:
        return None
    return EventDelivery(
        outbox=outbox,
        deliver=deliver,
        metrics=container.metrics(),
        interval=settings.events_interval,
        report_interval=settings.sweep_interval,
    )
