"""Attacks on real processes, each with figures of what was done and what came of it."""

import contextlib
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from emulators import Emulators
from fleet import Fleet, environment
from history import Findings, History
from laboratory import local_backend
from logleap.backends import Backend, build_backend
from logleap.settings import load_settings
from network import Fault, Proxy
from points import POINTS, RUN
from storm import NEVER, Caller, clients_at_work, inspect, meeting, retries

_LOGLEAP = (sys.executable, "-m", "logleap.entrypoints.cli")
_BY_THEMSELVES = "processes that ended by themselves"
_RESTART = 30.0  # seconds within which a killed process must be back


@dataclass
class Outcome:
    """`rounds` of an attack, how often each thing happened, and how the promise was broken."""

    rounds: int
    seconds: float
    counts: Counter[str]
    findings: Findings
    failures: list[str] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        """Whether the promise was, and every process did what it should."""
        return not (self.findings.kinds or self.failures or self.counts[_BY_THEMSELVES])

    def add(self, other: "Outcome") -> None:
        """Take the other one's rounds in."""
        self.rounds += other.rounds
        self.seconds += other.seconds
        self.counts += other.counts
        for kind, sentences in other.findings.all().items():
            self.findings.all()[kind].extend(sentences)
        self.failures += other.failures

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {number}" for name, number in sorted(self.counts.items()))
        return "\n".join(
            [f"{self.rounds} rounds in {self.seconds:.0f} s: {self.findings}", counts, *self.failures]
        )


@dataclass(frozen=True)
class Installation:
    """An installation to attack: the settings of its processes, and how the harness looks into its store."""

    settings: Mapping[str, str]
    folder: Path
    open_backend: Callable[[], AbstractContextManager[Backend]]


@contextlib.contextmanager
def local_installation() -> Iterator[Installation]:
    """One on a SQLite file in a folder that is removed."""
    with tempfile.TemporaryDirectory(prefix="logleap-faults-") as name:
        folder = Path(name)

        @contextlib.contextmanager
        def open_backend() -> Iterator[Backend]:
            backend = local_backend(folder / "data")
            try:
                yield backend
            finally:
                backend.close()

        yield Installation(environment("local", folder), folder, open_backend)


@contextlib.contextmanager
def emulated_installation(emulators: Emulators, *, writer: str = "storage-write") -> Iterator[Installation]:
    """One on the emulators of Google's services, with names of its own.

    Where requests come together, choose the writer `streaming-insert`: inside the BigQuery emulator (1.4.0),
    appends over gRPC and anything over REST are two threads on one connection, which sooner or later stop for
    good in each other's locks.
    """
    name = f"f{uuid4().hex[:12]}"
    with tempfile.TemporaryDirectory(prefix="logleap-faults-") as folder:
        settings = environment(
            "gcp",
            Path(folder),
            **emulators.exports(),
            LOGLEAP_FIRESTORE_PREFIX=name,
            LOGLEAP_BIGQUERY_DATASET=name,
            LOGLEAP_BIGQUERY_WRITER=writer,
            LOGLEAP_PUBSUB_TOPIC=f"{name}-training",
            LOGLEAP_PUBSUB_SUBSCRIPTION=f"{name}-worker",
            LOGLEAP_RUN_LEASE="3",
            LOGLEAP_RUN_PATIENCE="6",
            LOGLEAP_SWEEP_INTERVAL="0.5",
        )
        variables = {**os.environ, **settings}
        subprocess.run(
            [*_LOGLEAP, "gcp", "setup"], env=variables, check=True, timeout=120, capture_output=True
        )

        @contextlib.contextmanager
        def open_backend() -> Iterator[Backend]:
            with _environment(settings):  # to its end: Google's clients are made when they are first used
                backend = build_backend(load_settings())
                try:
                    yield backend
                finally:
                    backend.close()

        yield Installation(settings, Path(folder), open_backend)


@contextlib.contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def kills(
    site: Installation,
    *,
    rounds: int,
    seconds: float,
    seed: int = 1,
    clients: int = 8,
    patience: float = 20,
    longest_pause: float = 0.25,
) -> Outcome:
    """SIGKILL a server or a worker, at any moment while clients are at work; a round is a kill."""
    rng = random.Random(seed)
    history, began = History(), time.monotonic()
    retries.clear()
    with Fleet(site.settings, site.folder, apis=2, workers=1) as fleet:
        stop = threading.Event()
        ended = clients_at_work(fleet.urls, history, seed, number=clients, patience=patience, stop=stop)
        names = list(fleet.members)
        while fleet.kills < rounds and time.monotonic() - began < seconds:
            name = rng.choice(names)
            if rng.random() < 0.9:  # else it may still be starting
                fleet.wait_until_up(name, _RESTART)
            time.sleep(rng.random() * longest_pause)
            fleet.kill(name)
        stop.set()
        failures = ended()
        counts = history.tally() + _deaths(fleet) + retries
    return _judged(site, history, counts["kills"], began, counts, failures)


def crash_points(site: Installation, *, seconds: float) -> Outcome:
    """A process kills itself at each of the named points, with and without the client's retry."""
    total = Outcome(0, 0.0, Counter(), Findings())
    with Fleet(site.settings, site.folder) as fleet:
        for retry in (True, False):
            for name in POINTS:
                if total.seconds < seconds:
                    total.add(crash_point(site, fleet, name, retry=retry))
    return total


def crash_point(site: Installation, fleet: Fleet, point_name: str, *, retry: bool) -> Outcome:
    """A process kills itself at a point of the main job. Without `retry` the client sends everything once."""
    history, began = History(), time.monotonic()
    point = POINTS[point_name]
    name = "worker-0" if point_name in RUN else "api-0"
    member = fleet.members[name]
    ends = len(member.ends)
    fleet.crash_at(name, point, 2 if point.call.startswith(("store", "ledger")) else 1)
    with Caller("anna", fleet.urls, history, patience=20 if retry else NEVER) as anna:
        data_id = anna.announce()
        for size in (4, 5, 6):
            anna.append(data_id, size)
            if not retry:
                fleet.wait_until_up(name)
        anna.train(data_id)
        fleet.wait_for_end(name, ends + 2)  # one end was for the start with the point
        fleet.wait_until_up(name)
        anna.trained(data_id)
    return _judged(site, history, 1, began, history.tally())


def meetings(site: Installation, *, rounds: int, seconds: float, seed: int = 1) -> Outcome:
    """Uploads and starts on one data set at the same moment; a round is a data set."""
    history, began, done = History(), time.monotonic(), 0
    with Fleet(site.settings, site.folder, apis=2, workers=2) as fleet:
        while done < rounds and time.monotonic() - began < seconds:
            meeting(fleet.urls, history, seed * 1_000_000 + done)
            done += 1
        counts = history.tally() + _deaths(fleet)
    return _judged(site, history, done, began, counts)


def broken_network(
    site: Installation,
    *,
    rounds: int,
    seconds: float,
    seed: int = 1,
    only: Fault | None = None,
    share: float = 0.3,
    forgetful: bool = False,
) -> Outcome:
    """Between client and server `share` of all exchanges meet a fault; a round is a fault."""
    rng = random.Random(seed)
    faults = [only] if only is not None else [fault for fault in Fault if fault is not Fault.NONE]
    history, began = History(), time.monotonic()
    retries.clear()

    def draw() -> Fault:
        return rng.choice(faults) if rng.random() < share else Fault.NONE

    with ExitStack() as stack:
        fleet = stack.enter_context(Fleet(site.settings, site.folder, forgetful=forgetful))
        (port,) = [member.port for member in fleet.members.values() if member.port is not None]
        proxy = stack.enter_context(Proxy(port, draw, seed=seed))
        stop = threading.Event()
        ended = clients_at_work([proxy.url], history, seed, number=4, patience=20, timeout=1, stop=stop)

        def met() -> int:
            return proxy.met.total() - proxy.met[Fault.NONE.value]

        while met() < rounds and time.monotonic() - began < seconds:
            time.sleep(0.05)
        share = 0.0
        stop.set()
        failures = ended()
        done = met()
        counts = history.tally() + _deaths(fleet) + retries + proxy.met
    return _judged(site, history, done, began, counts, failures)


def zombies(site: Installation, *, rounds: int, seconds: float) -> Outcome:
    """A worker stands still in the middle of a run (SIGSTOP) until another has done it, and then goes on."""
    history, began, done = History(), time.monotonic(), 0
    with (
        Fleet(site.settings, site.folder, apis=1, workers=2) as fleet,
        Caller("anna", fleet.urls, history, patience=20) as anna,
    ):
        overtaken = 0
        while done < rounds and time.monotonic() - began < seconds:
            data_id = anna.announce()
            anna.append(data_id, 10)
            name = f"worker-{done % 2}"
            anna.train(data_id, seconds=0.3)
            _until(lambda data_id=data_id: anna.client.run(data_id)["state"] == "running")  # type: ignore[misc]
            fleet.pause(name)
            run = anna.client.wait(data_id, timeout=60)
            fleet.resume(name)
            overtaken += run["attempts"] > 1
            time.sleep(0.5)  # for what the zombie still wants to write
            done += 1
        counts = history.tally() + _deaths(fleet) + Counter({"runs taken over": overtaken})
    return _judged(site, history, done, began, counts)


def _judged(  # noqa: PLR0917 -- what every campaign has
    site: Installation,
    history: History,
    rounds: int,
    began: float,
    counts: Counter[str],
    failures: Sequence[str] = (),
) -> Outcome:
    with site.open_backend() as backend:
        findings = inspect(backend, history)
    return Outcome(rounds, time.monotonic() - began, counts, findings, list(failures))


def _deaths(fleet: Fleet) -> Counter[str]:
    return Counter({"kills": fleet.kills, _BY_THEMSELVES: fleet.ended_by_themselves})


def _until(done: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError("what was waited for did not come")
        time.sleep(0.01)
