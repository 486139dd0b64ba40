"""The worker: takes messages from the queue, runs the trainings, sweeps at intervals."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from opentelemetry.trace import Tracer

from logleap.container import Container
from logleap.entrypoints.correlation import message_scope
from logleap.entrypoints.worker.liveness import LivenessFile
from logleap.ports.errors import Conflict, Unavailable
from logleap.ports.queue import Delivery, TrainingQueue
from logleap.usecases.lifecycle.sweep import FailDeadLetter, Sweep, Swept
from logleap.usecases.training.run_training import Disposition, RunTraining, Settlement

log = logging.getLogger(__name__)

RECEIVE_SECONDS = 1.0
"""For a message, before the next check of whether to stop."""

PAUSE_SECONDS = 2.0
"""After the backend was unavailable."""


@dataclass(frozen=True, slots=True)
class Worker:
    """Runs trainings, `concurrent_runs` at once, until told to stop; sweeps every `sweep_interval` seconds.

    Each renewal of a run's lease extends the message's `ack_deadline` (seconds). `liveness` is called every
    few seconds as long as the worker makes progress, with a training or without.
    """

    queue: TrainingQueue
    run_training: RunTraining
    sweep: Sweep
    fail_dead_letter: FailDeadLetter
    ack_deadline: float
    sweep_interval: float
    tracer: Tracer
    concurrent_runs: int = 1
    liveness: Callable[[], None] = lambda: None

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set. A task that runs then ends or is handed back within its grace time."""
        sweeper = threading.Thread(target=self._sweep_until, args=(stop,), name="sweeper", daemon=True)
        sweeper.start()
        self.run_training.executor.prepare()
        others = [
            threading.Thread(target=self._run_until, args=(stop,), name=f"worker-{number}")
            for number in range(2, self.concurrent_runs + 1)
        ]
        for thread in others:
            thread.start()
        self._run_until(stop)
        for thread in others:
            thread.join()
        sweeper.join(timeout=5)

    def _run_until(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.liveness()
            try:
                delivery = self.queue.receive(RECEIVE_SECONDS)
                if delivery is not None:
                    self._handle(delivery, stop)
            except Unavailable as error:
                log.warning("unavailable, retrying in %s s: %s", PAUSE_SECONDS, error)
                stop.wait(PAUSE_SECONDS)
            except Exception:  # a bug must not end the worker: the message comes again, a few times
                log.exception("failed to handle a message, continuing in %s s", PAUSE_SECONDS)
                stop.wait(PAUSE_SECONDS)

    def _handle(self, delivery: Delivery, stop: threading.Event) -> None:
        def stopping() -> bool:
            self.liveness()
            return stop.is_set()

        with message_scope(delivery.body, self.tracer):
            settlement = self.run_training(
                delivery.body, on_renewed=lambda: delivery.extend(self.ack_deadline), stopping=stopping
            )
            settle(delivery, settlement)

    def _sweep_until(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self.sweep_once()
            except Unavailable as error:
                log.warning("sweep postponed: %s", error)
            except Exception:
                log.exception("sweep failed, next one in %s s", self.sweep_interval)
            stop.wait(self.sweep_interval)

    def sweep_once(self) -> Swept:
        """Publish what a crash left unpublished, and settle the dead letters. Raises Unavailable."""
        try:
            swept = self.sweep()
        except Exception:
            self._settle_dead_letters()
            raise
        self._settle_dead_letters()
        if swept != Swept(0, 0, 0):
            log.info("sweep: %s", swept)
        return swept

    def _settle_dead_letters(self) -> None:
        while (letter := self.queue.receive_dead(0.0)) is not None:
            with message_scope(letter.body, self.tracer, "dead letter"):
                try:
                    outcome = self.fail_dead_letter(letter.body)
                except Conflict:
                    letter.nack()
                    return
                log.warning("dead letter: %s", outcome)
                letter.ack()


def make_worker(container: Container) -> Worker:
    """A worker over the container's use cases."""
    settings = container.settings()
    return Worker(
        queue=container.backend().queue,
        run_training=container.run_training(),
        sweep=container.sweep(),
        fail_dead_letter=container.fail_dead_letter(),
        ack_deadline=2 * settings.run_lease,
        sweep_interval=settings.sweep_interval,
        tracer=container.tracer(),
        concurrent_runs=settings.concurrent_runs,
        liveness=LivenessFile(settings.heartbeat_file) if settings.heartbeat_file else lambda: None,
    )


def settle(delivery: Delivery, settlement: Settlement) -> None:
    """Acknowledge, retry or dead-letter a message."""
    if settlement.disposition is Disposition.DONE:
        log.info("message done: %s", settlement.reason)
        delivery.ack()
    elif settlement.disposition is Disposition.RETRY:
        log.warning("message will be redelivered: %s", settlement.reason)
        delivery.nack(settlement.delay)
    else:
        log.error("message dead-lettered: %s", settlement.reason)
        delivery.reject(settlement.reason)
