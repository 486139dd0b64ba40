"""Attacks on real processes, each with figures of what was done and what came of it."""

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from logleap.client import ApiError, Unreachable
from tools.faults.cluster import Cluster
from tools.faults.failpoints import ARCHIVE, DELETE, FAILPOINTS, RUN
from tools.faults.faulty_proxy import Fault, Proxy
from tools.faults.history import Answer, Findings, History, Operation
from tools.faults.installations import Installation
from tools.faults.settable_clock import SettableClock
from tools.faults.small_disk import fill
from tools.faults.workload import NEVER, TIME, Caller, clients_at_work, inspect, meeting, retries

_BY_THEMSELVES = "processes that ended by themselves"
_RESTART = 30.0  # seconds within which a killed process must be back
_CLOCK_IS_RIGHT = 15.0  # seconds after which nothing may be left of the time in which the clock was wrong
_HOUR = 3600.0
# None is ahead by less than the longest lease, 10 minutes: such a lease may be a true one, and is waited for.
_JUMPS = {"ahead": 5 * _HOUR, "far ahead": 400 * 24 * _HOUR, "behind": -5 * _HOUR, "a little behind": -60.0}
_KILLED = ("a run", "a deletion", "nothing")


@dataclass
class Outcome:
    """`rounds` of an attack, how often each thing happened, and how the promise was broken."""

    rounds: int
    seconds: float
    counts: Counter[str]
    findings: Findings
    failures: list[str] = field(default_factory=list)
    not_compared: str = ""  # why nothing could be said of the promise

    @property
    def kept(self) -> bool:
        """Whether the promise was, and every process did what it should."""
        return not (self.not_compared or self.findings.kinds or self.failures or self.counts[_BY_THEMSELVES])

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
        if self.not_compared:
            return f"not compared after {self.seconds:.0f} s: {self.not_compared}"
        return "\n".join(
            [f"{self.rounds} rounds in {self.seconds:.0f} s: {self.findings}", counts, *self.failures]
        )


def kills(
    site: Installation,
    *,
    rounds: int,
    seconds: float,
    seed: int = 1,
    clients: int = 8,
    patience: float = 20,
    longest_pause: float = 0.25,
    job: Callable[[Caller, random.Random, Sequence[str]], str] = Caller.main_job,
    mutation: str | None = None,
    settle: float = 30,
) -> Outcome:
    """SIGKILL a server or a worker, at any moment while clients are at their `job`; a round is a kill."""
    rng = random.Random(seed)
    history, began = History(), time.monotonic()
    retries.clear()
    with ExitStack() as stack:
        cluster = stack.enter_context(
            Cluster(site.settings, site.folder, apis=2, workers=1, mutation=mutation)
        )
        stop = threading.Event()
        stack.callback(stop.set)
        check = _now_and_then(site)
        ended = clients_at_work(
            cluster.urls, history, seed, number=clients, patience=patience, stop=stop, job=job
        )
        names = list(cluster.members)
        while cluster.kills < rounds and time.monotonic() - began < seconds:
            name = rng.choice(names)
            if rng.random() < 0.9:  # else it may still be starting
                cluster.wait_until_up(name, _RESTART)
            time.sleep(rng.random() * longest_pause)
            cluster.kill(name)
            check()
        stop.set()
        failures = ended(check)
        if patience == NEVER and retries.total():
            failures.append(f"{retries.total()} calls were tried again, by clients that were told not to")
        wait_until_taken_up(site, settle)
        counts = history.tally() + deaths(cluster) + retries
    return judged(site, history, counts["kills"], began, counts, failures)


def crash_points(site: Installation, *, seconds: float) -> Outcome:
    """A process kills itself at each of the named points, with and without the client's retry."""
    total = Outcome(0, 0.0, Counter(), Findings())
    with Cluster(site.settings, site.folder) as cluster:
        for retry in (True, False):
            for name in FAILPOINTS:
                if total.seconds < seconds:
                    total.add(crash_point(site, cluster, name, retry=retry))
    return total


def crash_point(site: Installation, cluster: Cluster, point_name: str, *, retry: bool) -> Outcome:
    """A process kills itself at a point of the main job. Without `retry` the client sends everything once."""
    history, began = History(), time.monotonic()
    point = FAILPOINTS[point_name]
    name = "worker-0" if point_name in RUN else "api-0"
    member = cluster.members[name]
    ends = len(member.ends)
    cluster.crash_at(name, point, 2 if point.call.startswith(("store", "ledger")) else 1)
    with Caller("anna", cluster.urls, history, patience=20 if retry else NEVER) as anna:
        data_id = anna.announce()
        for size in (4, 5, 6):
            anna.append(data_id, size)
            if not retry:
                cluster.wait_until_up(name)
        site.check()
        anna.train(data_id)
        cluster.wait_for_end(name, ends + 2)  # one end was for the start with the point
        cluster.wait_until_up(name)
        site.check()
        anna.trained(data_id)
    return judged(site, history, 1, began, history.tally())


def archive_delete_crash_points(
    site: Installation, *, seconds: float, retries: Sequence[bool] = (True, False)
) -> Outcome:
    """A process kills itself at each of the steps of archiving and deleting, and so does the sweeper."""
    total = Outcome(0, 0.0, Counter(), Findings())
    with Cluster(site.settings, site.folder) as cluster:
        for retry in retries:
            for name in (*ARCHIVE, *DELETE):
                if total.seconds < seconds:
                    total.add(archive_delete_crash_point(site, cluster, name, retry=retry))
    return total


def archive_delete_crash_point(site: Installation, cluster: Cluster, name: str, *, retry: bool) -> Outcome:
    """A server kills itself at a step of archiving or deleting; so does the worker, if it takes it up there.

    Without `retry` the client sends everything once, and the worker's sweeper has to.
    """
    history, began = History(), time.monotonic()
    archiving = name in ARCHIVE
    step = ARCHIVE[name] if archiving else DELETE[name]
    with (
        Caller("anna", cluster.urls, history, patience=20 if retry else NEVER) as anna,
        Caller("bert", cluster.urls, history, patience=20) as bert,
    ):
        data_id, others = anna.announce(), bert.announce()
        for size in (4, 5):
            anna.append(data_id, size)
        bert.append(others, 3)
        if not archiving:
            anna.archive(data_id)
        bert.archive(data_id)
        bert.delete(data_id)
        for member in ("worker-0", "api-0"):
            cluster.crash_at(member, step.point, step.call)
        ends, swept = (len(cluster.members[member].ends) for member in ("api-0", "worker-0"))
        (anna.archive if archiving else anna.delete)(data_id)
        cluster.wait_for_end("api-0", ends + 1)
        cluster.wait_until_up("api-0")
        wait_until_taken_up(site)
        kills = 1 + len(cluster.members["worker-0"].ends) - swept
        if archiving:
            anna.trained(data_id)
        bert.trained(others)
    return judged(site, history, 1, began, history.tally() + Counter({"kills": kills}))


def meetings(
    site: Installation,
    *,
    rounds: int,
    seconds: float,
    seed: int = 1,
    meet: Callable[[Sequence[str], History, int], None] = meeting,
) -> Outcome:
    """Uploads and starts (or what `meet` does) on one data set at the same moment; a round is a data set."""
    history, began, done = History(), time.monotonic(), 0
    check = _now_and_then(site)
    with Cluster(site.settings, site.folder, apis=2, workers=2) as cluster:
        while done < rounds and time.monotonic() - began < seconds:
            meet(cluster.urls, history, seed * 1_000_000 + done)
            done += 1
            check()
        wait_until_taken_up(site)
        counts = history.tally() + deaths(cluster)
    return judged(site, history, done, began, counts)


def broken_network(
    site: Installation,
    *,
    rounds: int,
    seconds: float,
    seed: int = 1,
    only: Fault | None = None,
    share: float = 0.3,
    mutation: str | None = None,
) -> Outcome:
    """Between client and server `share` of all exchanges meet a fault; a round is a fault."""
    network = _FaultyNetwork(seed, only)
    with ExitStack() as stack:
        cluster = stack.enter_context(Cluster(site.settings, site.folder, mutation=mutation))
        (port,) = [member.port for member in cluster.members.values() if member.port is not None]
        proxy = stack.enter_context(Proxy(port, network.draw, seed=seed))
        return network.run(site, cluster, [proxy], [proxy.url], rounds, seconds, share, timeout=1)


def broken_service(
    site: Installation,
    variables: Sequence[str],
    *,
    rounds: int,
    seconds: float,
    seed: int = 1,
    only: Fault | None = None,
    share: float = 0.1,
) -> Outcome:
    """The same between the processes and a service (whose addresses `variables` hold)."""
    network = _FaultyNetwork(seed, only)
    with ExitStack() as stack:
        proxies: dict[str, Proxy] = {}
        for name in variables:
            port = int(site.settings[name].rpartition(":")[2])
            proxies[name] = stack.enter_context(Proxy(port, network.draw, seed=seed))
        through = {
            name: proxy.url if site.settings[name].startswith("http:") else proxy.address
            for name, proxy in proxies.items()
        }
        cluster = stack.enter_context(Cluster(site.with_settings(**through).settings, site.folder))
        # Longer than a server takes to say that it cannot reach the service.
        return network.run(
            site, cluster, list(proxies.values()), cluster.urls, rounds, seconds, share, timeout=30
        )


class _FaultyNetwork:
    """Draws the faults that exchanges meet, while clients are at work."""

    def __init__(self, seed: int, only: Fault | None) -> None:
        self._seed = seed
        self._rng = random.Random(seed)
        self._faults = [only] if only is not None else [fault for fault in Fault if fault is not Fault.NONE]
        self._share = 0.0

    def draw(self) -> Fault:
        """Of the next exchange."""
        return self._rng.choice(self._faults) if self._rng.random() < self._share else Fault.NONE

    def run(  # noqa: PLR0917 -- what the two campaigns above have in common
        self,
        site: Installation,
        cluster: Cluster,
        proxies: Sequence[Proxy],
        urls: Sequence[str],
        rounds: int,
        seconds: float,
        share: float,
        *,
        timeout: float,
    ) -> Outcome:
        """Faults for a `share` of the exchanges, until there were enough; then what came of it."""
        history, began = History(), time.monotonic()
        retries.clear()

        def met() -> Counter[str]:
            return sum((proxy.met for proxy in proxies), Counter())

        def faults() -> int:
            return met().total() - met()[Fault.NONE.value]

        with ExitStack() as stack:
            stop = threading.Event()
            stack.callback(stop.set)
            check = _now_and_then(site)
            ended = clients_at_work(
                urls, history, self._seed, number=4, patience=2 * timeout + 18, timeout=timeout, stop=stop
            )
            self._share = share
            while faults() < rounds and time.monotonic() - began < seconds:
                time.sleep(0.05)
                check()
            self._share = 0.0
            stop.set()
            failures = ended(check)
        counts = history.tally() + deaths(cluster) + retries + met()
        return judged(site, history, faults(), began, counts, failures)


def full_disk(
    site: Installation,
    disk: Path,
    *,
    rounds: int,
    seconds: float,
    seed: int = 1,
    mutation: str | None = None,
) -> Outcome:
    """The disk of the installation is filled and freed while clients are at work; a round is once.

    By turns others fill it to the last byte and free it, or uploads fill what they may use, and the deletion
    of what they brought must free it, by LogLeap's own means.
    """
    rng = random.Random(seed)
    history, began, done = History(), time.monotonic(), 0
    counts: Counter[str] = Counter()
    failures: list[str] = []
    spare = disk / "spare"
    spare.write_bytes(bytes(4 << 20))
    with ExitStack() as stack:
        cluster = stack.enter_context(Cluster(site.settings, site.folder, mutation=mutation))
        stop = threading.Event()
        stack.callback(stop.set)
        ended = clients_at_work(cluster.urls, history, seed, number=4, patience=20, stop=stop)
        bulk = stack.enter_context(Caller("anna", cluster.urls, history, patience=20))
        while done < rounds and time.monotonic() - began < seconds and not failures:
            if done % 2:
                data_id, uploads = _filled_by_uploads(bulk, rng)
                counts["uploads until the disk was full"] += uploads
                try:
                    bulk.client.delete(data_id)
                except (ApiError, Unreachable) as error:
                    failures.append(f"what had filled the disk could not be deleted: {error}")
                    spare.unlink()  # or no client would come to its end
            else:
                ballast = fill(disk)
                time.sleep(0.2 + rng.random())
                ballast.unlink()
            time.sleep(rng.random())
            done += 1
        stop.set()
        failures += ended(lambda: None)
        counts += history.tally() + deaths(cluster)
    return judged(site, history, done, began, counts, failures)


def stuck_log(site: Installation, *, rounds: int, seconds: float, mutation: str | None = None) -> Outcome:
    """The log goes to a pipe that nobody reads; a round is a data set's main job, each call sent once.

    Every call must be answered, and at the end SIGTERM must stop the server and the worker.
    """
    history, began, done = History(), time.monotonic(), 0
    chatty = site.with_settings(LOGLEAP_LOG_LEVEL="info")
    failures: list[str] = []
    with ExitStack() as stack:
        pipe = site.folder / "unread"
        os.mkfifo(pipe)
        end = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
        stack.callback(os.close, end)
        for size in (4096, 1):
            with suppress(BlockingIOError):
                while True:
                    os.write(end, b"." * size)
        cluster = stack.enter_context(Cluster(chatty.settings, site.folder, mutation=mutation, log=pipe))
        anna = stack.enter_context(Caller("anna", cluster.urls, history, patience=NEVER, timeout=10))
        while done < rounds and time.monotonic() - began < seconds and not failures:
            try:
                data_id = str(anna.client.announce()["dataId"])
                history.add(Operation("announce", anna.owner, data_id, "", answer=Answer.OK))
                sent = [anna.append(data_id, 5) for _ in range(3)]
                sent.append(anna.train(data_id))
                anna.client.wait(data_id, timeout=20)
            except (ApiError, Unreachable, TimeoutError) as error:
                failures.append(f"a call was not answered: {error}")
                break
            failures += [f"{one.kind} was not answered" for one in sent if one.answer is not Answer.OK]
            done += 1
        counts = history.tally() + deaths(cluster)
        for name, member in cluster.members.items():
            ends = len(member.ends)
            cluster.terminate(name)
            try:
                cluster.wait_for_end(name, ends + 1, seconds=15)
            except TimeoutError:
                failures.append(f"SIGTERM did not stop {name}")
    return judged(site, history, done, began, counts, failures)


def clock_jumps(
    site: Installation, *, rounds: int, seconds: float, seed: int = 1, mutation: str | None = None
) -> Outcome:
    """The clock of all processes is set wrong and then right, while clients are at work; a round is once.

    While it is wrong a worker is killed in the middle of a run, a server within a deletion, or neither. Once
    the clock is right, the run and the deletion must come to their end soon, however far it was ahead.
    """
    rng = random.Random(seed)
    history, began, done = History(), time.monotonic(), 0
    counts: Counter[str] = Counter()
    failures: list[str] = []
    with ExitStack() as stack:
        clock = SettableClock(site.folder / "clock")
        cluster = stack.enter_context(
            Cluster(site.settings, site.folder, mutation=mutation, clock=clock.file)
        )
        stop = threading.Event()
        stack.callback(stop.set)
        ended = clients_at_work(cluster.urls, history, seed, number=2, patience=20, stop=stop)
        anna = stack.enter_context(Caller("anna", cluster.urls, history, patience=20))
        hasty = stack.enter_context(Caller("anna", cluster.urls, history, patience=NEVER))
        while done < rounds and time.monotonic() - began < seconds and not failures:
            what, ahead = _KILLED[done % len(_KILLED)], _JUMPS[rng.choice(list(_JUMPS))]
            data_id = anna.announce()
            anna.append(data_id, 10)
            if what == "a deletion":
                cluster.crash_at("api-0", *DELETE["delete: before the drop"])
            clock.set(ahead)
            counts[f"the clock {'ahead' if ahead > 0 else 'behind'}, {what} killed"] += 1
            if what == "a deletion":
                ends = len(cluster.members["api-0"].ends)
                hasty.delete(data_id)
                cluster.wait_for_end("api-0", ends + 1)
            else:
                anna.train(data_id, seconds=0.3)
                _until(lambda data_id=data_id: anna.client.run(data_id)["state"] != "queued")  # type: ignore[misc]
            if what == "a run":
                cluster.kill("worker-0")
            time.sleep(rng.random() * 0.2)
            clock.set(0.0)
            try:
                if what == "a deletion":
                    _until(lambda data_id=data_id: _is_gone(anna, data_id), _CLOCK_IS_RIGHT)  # type: ignore[misc]
                else:
                    anna.client.wait(data_id, timeout=_CLOCK_IS_RIGHT)
            except TimeoutError:
                failures.append(
                    f"{what} had not ended {_CLOCK_IS_RIGHT:.0f} s after the clock was right: it was "
                    f"{ahead:,.0f} s ahead"
                )
            done += 1
        stop.set()
        failures += ended(lambda: None) if not failures else []
        counts += history.tally() + deaths(cluster)
    return judged(site, history, done, began, counts, failures)


def zombies(site: Installation, *, rounds: int, seconds: float) -> Outcome:
    """A worker stands still in the middle of a run (SIGSTOP) until another has done it, and then goes on."""
    history, began, done = History(), time.monotonic(), 0
    with (
        Cluster(site.settings, site.folder, apis=1, workers=2) as cluster,
        Caller("anna", cluster.urls, history, patience=20) as anna,
    ):
        overtaken = locked = 0
        while done < rounds and time.monotonic() - began < seconds:
            data_id = anna.announce()
            anna.append(data_id, 10)
            name, other = f"worker-{done % 2}", f"worker-{1 - done % 2}"
            _pause_between_writes(site, cluster, other)  # or it might take the run
            anna.train(data_id, seconds=0.3)
            _until(lambda data_id=data_id: anna.client.run(data_id)["state"] == "running")  # type: ignore[misc]
            cluster.pause(name)
            cluster.resume(other)
            try:
                run = anna.client.wait(data_id, timeout=10)
            except TimeoutError:
                if not site.is_locked():
                    raise
                locked += 1  # it stands still in the middle of a write, and nobody else may write
            cluster.resume(name)
            run = anna.client.wait(data_id, timeout=60)
            overtaken += run["attempts"] > 1
            time.sleep(0.5)  # for what the zombie still wants to write
            done += 1
        counts = history.tally() + deaths(cluster) + Counter({"runs taken over": overtaken})
        counts["stood still with the file locked"] = locked
    return judged(site, history, done, began, counts)


def _filled_by_uploads(caller: Caller, rng: random.Random) -> tuple[str, int]:
    """A data set that nobody compares, with so many uploads that the next one found no room."""
    data_id = str(caller.client.announce()["dataId"])
    number = 0
    with suppress(ApiError):
        while True:
            entries = [{"timestamp": TIME, "message": rng.randbytes(50_000).hex()} for _ in range(10)]
            caller.client.append(data_id, entries, f"{data_id}-{number}")
            number += 1
    return data_id, number


def _is_gone(caller: Caller, data_id: str) -> bool:
    try:
        caller.client.dataset(data_id)
    except ApiError as error:
        return error.status == 404
    return False


def _pause_between_writes(site: Installation, cluster: Cluster, name: str) -> None:
    cluster.pause(name)
    while site.is_locked():
        cluster.resume(name)
        time.sleep(0.01)
        cluster.pause(name)


def wait_until_taken_up(site: Installation, seconds: float = 30) -> None:
    """Until no archiving or deleting is under way. What then still is, shows in the findings."""
    with site.open_backend() as backend, suppress(TimeoutError):
        _until(lambda: not backend.datasets.unfinished(datetime.now(UTC), 1), seconds)


def _now_and_then(site: Installation) -> Callable[[], None]:
    """Checks, every other second at most, that what the installation stands on answers."""
    next_time = 0.0

    def check() -> None:
        nonlocal next_time
        if time.monotonic() >= next_time:
            site.check()
            next_time = time.monotonic() + 2

    return check


def judged(  # noqa: PLR0917 -- what every campaign has
    site: Installation,
    history: History,
    rounds: int,
    began: float,
    counts: Counter[str],
    failures: Sequence[str] = (),
) -> Outcome:
    """What came of a campaign, by what is found in the store now."""
    site.check()
    with site.open_backend() as backend:
        findings = inspect(backend, history)
    return Outcome(rounds, time.monotonic() - began, counts, findings, list(failures))


def deaths(cluster: Cluster) -> Counter[str]:
    """How its processes ended."""
    return Counter({"kills": cluster.kills, _BY_THEMSELVES: cluster.ended_by_themselves})


def _until(done: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError("what was waited for did not come")
        time.sleep(0.01)
