"""The metrics of one process, in Prometheus' format. docs/operations.md says what each means.

None has the owner as a label: each new value of a label is a new series, and nothing bounds how many owners
there are (https://prometheus.io/docs/practices/naming/#labels). The log has the owner of each request.

Several processes behind one port: Prometheus meets another one at each scrape. Give them all an empty folder
in PROMETHEUS_MULTIPROC_DIR before they start: each keeps its values in files there, and each answers the sum
of all, without `process_…` (https://prometheus.github.io/client_python/multiprocess/).
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from logleap.domain.events import Backlog
from logleap.domain.runs import Run

STEPS = ("append", "commit", "publish")
"""What a request waits for: rows written, their receipt committed, a training's message handed over."""

_REQUESTS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_STEPS = (0.0001, 0.00025, 0.0005, *_REQUESTS[:-2])
_BATCHES = (1, 10, 100, 500, 1_000, 5_000, 10_000, 50_000, 100_000, 1_000_000)
_LAGS = (0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 3_600)
_RUNS = (0.1, 1, 10, 60, 300, 900, 3_600, 4 * 3_600, 12 * 3_600, 24 * 3_600)


# They would double the number of series, for nothing.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


class _Disks(Collector):
    """Free bytes, at the time of the scrape."""

    def __init__(self) -> None:
        self.folders: Mapping[str, Path] = {}
        self.reserve = 0

    def collect(self) -> Iterator[GaugeMetricFamily]:
        if not self.folders:
            return
        free = GaugeMetricFamily(
            "logleap_disk_free_bytes", "Bytes that are free on the disk of a folder.", labels=["folder"]
        )
        for name, folder in self.folders.items():
            with suppress(OSError):  # it cannot be read: then there is no figure
                there = next(path for path in (folder, *folder.parents) if path.exists())
                free.add_metric([name], shutil.disk_usage(there).free)
        yield free
        yield GaugeMetricFamily(
            "logleap_disk_reserve_bytes",
            "Bytes of the disk of the data folder that uploads leave free.",
            value=self.reserve,
        )


class Metrics:
    """Counts what it is told. A registry of its own: several apps in one process do not collide."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._registry = registry
        self._disks = _Disks()
        registry.register(self._disks)
        self._requests = Counter(
            "logleap_http_requests_total",
            "Requests answered.",
            ["method", "route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "logleap_http_request_duration_seconds",
            "Time from the request, read in whole, to its answer.",
            ["method", "route"],
            buckets=_REQUESTS,
            registry=registry,
        )
        # Looking labels up takes half of what counting a request costs.
        self._series = cache(
            lambda method, route, status: (
                self._requests.labels(method, route, status),
                self._seconds.labels(method, route),
            )
        )
        self._refusals = Counter(
            "logleap_refusals_total",
            "Requests answered with a problem, by its code.",
            ["code"],
            registry=registry,
        )
        self._entries = Counter(
            "logleap_accepted_entries_total", "Entries acknowledged; not repeated ones.", registry=registry
        )
        self._bytes = Counter(
            "logleap_accepted_bytes_total",
            "Bytes of the bodies of acknowledged uploads, as sent; not of repeated ones.",
            registry=registry,
        )
        self._batches = Histogram(
            "logleap_batch_entries", "Entries in an acknowledged upload.", buckets=_BATCHES, registry=registry
        )
        steps = Histogram(
            "logleap_step_duration_seconds",
            "Time that the backend took for a step of a request.",
            ["step"],
            buckets=_STEPS,
            registry=registry,
        )
        self._steps = {name: steps.labels(name) for name in STEPS}
        self._lag = Histogram(
            "logleap_queue_lag_seconds",
            "Time from the start of a training to its first attempt.",
            buckets=_LAGS,
            registry=registry,
        )
        self._runs = Counter("logleap_runs_total", "Runs that ended.", ["outcome", "code"], registry=registry)
        self._run_seconds = Histogram(
            "logleap_run_duration_seconds",
            "Time from a run's first attempt to its end.",
            ["outcome"],
            buckets=_RUNS,
            registry=registry,
        )
        self._outbox = Gauge(
            "logleap_outbox_messages",
            "Messages that the last sweep found unpublished (100 at most).",
            multiprocess_mode="mostrecent",
            registry=registry,
        )
        self._dropped_lines = Counter(
            "logleap_log_lines_dropped_total",
            "Lines of the log that could not be written.",
            ["reason"],
            registry=registry,
        )
        self._overdue = Gauge(
            "logleap_overdue_runs",
            "Runs that the last sweep found overdue: their message or worker is lost (100 at most).",
            multiprocess_mode="mostrecent",
            registry=registry,
        )

        self._events_delivered = Counter(
            "logleap_events_delivered_total", "Events that their receiver took.", registry=registry
        )
        self._events_failed = Counter(
            "logleap_events_failed_total",
            "Deliveries of events that failed, and are tried again.",
            registry=registry,
        )
        self._events_given_up = Counter(
            "logleap_events_given_up_total", "Events that became dead letters.", registry=registry
        )
        self._backlog = {
            name: Gauge(f"logleap_events_{name}", text, multiprocess_mode="mostrecent", registry=registry)
            for name, text in (
                ("waiting", "Events that are still to be delivered."),
                ("dead", "Events that were given up: logleap events --dead shows them."),
                ("oldest_age_seconds", "How long ago the oldest event happened that is to be delivered."),
            )
        }

    def show_disks(self, folders: Mapping[str, Path], reserve: int) -> None:
        """Tell how much is free on the disks of these folders, by name, and what uploads leave of `data`."""
        self._disks.folders, self._disks.reserve = folders, reserve

    def log_lines_dropped(self, reason: str, lines: int) -> None:
        """So many lines of the log could not be written, for one of log_lines.REASONS."""
        self._dropped_lines.labels(reason).inc(lines)

    def answered(self, method: str, route: str, status: int, code: str | None, seconds: float) -> None:
        """A request was answered; `code` is its problem's, if it is one."""
        count, duration = self._series(method, route, status)
        count.inc()
        duration.observe(seconds)
        if code is not None:
            self._refusals.labels(code).inc()

    def accepted(self, entries: int, size: int) -> None:
        """An upload was acknowledged, whose body had `size` bytes."""
        self._entries.inc(entries)
        self._bytes.inc(size)
        self._batches.observe(entries)

    def step(self, step: str) -> Callable[[float], None]:
        """Observes the duration (seconds) of one of STEPS."""
        return self._steps[step].observe

    def claimed(self, run: Run) -> None:
        """A worker took a run on."""
        if run.fence == 1 and run.started_at is not None:
            self._lag.observe(_seconds(run.created_at, run.started_at))

    def ended(self, run: Run) -> None:
        """A run succeeded or failed."""
        self._runs.labels(run.state.value, run.error.code if run.error is not None else "").inc()
        if run.started_at is not None and run.finished_at is not None:
            self._run_seconds.labels(run.state.value).observe(_seconds(run.started_at, run.finished_at))

    def swept(self, *, outbox: int | None = None, overdue: int | None = None) -> None:
        """A sweep found so many messages in the outbox, or so many runs overdue."""
        if outbox is not None:
            self._outbox.set(outbox)
        if overdue is not None:
            self._overdue.set(overdue)

    def events_sent(self, delivered: int, failed: int, given_up: int) -> None:
        """So many events were delivered, not delivered, or given up."""
        self._events_delivered.inc(delivered)
        self._events_failed.inc(failed)
        self._events_given_up.inc(given_up)

    def event_backlog(self, backlog: Backlog) -> None:
        """So many events wait, or are dead."""
        self._backlog["waiting"].set(backlog.waiting)
        self._backlog["dead"].set(backlog.dead)
        age = 0.0 if backlog.oldest is None else _seconds(backlog.oldest, datetime.now(UTC))
        self._backlog["oldest_age_seconds"].set(age)

    @property
    def registry(self) -> CollectorRegistry:
        """What to read: this process, or all of them where PROMETHEUS_MULTIPROC_DIR says so."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return self._registry
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        together.register(self._disks)
        return together

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """All metrics, and their content type: what an `Accept` header asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


def _seconds(begin: datetime, end: datetime) -> float:
    return max(0.0, (end - begin).total_seconds())  # two machines' clocks
