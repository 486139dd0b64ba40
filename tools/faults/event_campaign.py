"""An attack on the delivery of events: servers, worker and receiver are killed, and the receiver errs."""

import base64
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from logleap.backends import Backend
from logleap.codecs.cloud_events import MEDIA_TYPE, TYPE_PREFIX
from logleap.domain.errors import DatasetNotFound
from logleap.domain.events import DELETED
from tools.faults.campaigns import Outcome, deaths
from tools.faults.cluster import Cluster, free_port
from tools.faults.history import Answer, Findings, History
from tools.faults.installations import Installation
from tools.faults.workload import Caller, clients_at_work, retries

_ROOT = Path(__file__).parents[2]
_SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def event_kills(
    site: Installation, *, rounds: int, seconds: float, seed: int = 1, mutation: str | None = None
) -> Outcome:
    """SIGKILL a server, a worker or the receiver, while data sets live their lives; a round is a kill.

    Afterwards the receiver is well, and must have each line of each log, in its order, and each deletion.
    """
    rng = random.Random(seed)
    history, began = History(), time.monotonic()
    retries.clear()
    port, file = free_port(), site.folder / "events"
    site = site.with_settings(
        LOGLEAP_EVENTS_URL=f"http://127.0.0.1:{port}/events",
        LOGLEAP_EVENTS_SECRET=_SECRET,
        LOGLEAP_EVENTS_TIMEOUT="0.5",
        LOGLEAP_EVENTS_RETRY_AFTER="0.05",
        LOGLEAP_EVENTS_INTERVAL="0.05",
    )
    receiver_kills = 0
    with ExitStack() as stack:
        cluster = stack.enter_context(
            Cluster(site.settings, site.folder, apis=2, workers=1, mutation=mutation)
        )
        stop = threading.Event()
        stack.callback(stop.set)
        names = [*cluster.members, "receiver"]
        ended = clients_at_work(
            cluster.urls, history, seed, number=4, patience=20, stop=stop, job=Caller.whole_life
        )
        while cluster.kills + receiver_kills < rounds and time.monotonic() - began < seconds:
            with _receiver(port, file):
                while (name := rng.choice(names)) != "receiver":
                    cluster.wait_until_up(name)
                    _wait_for_more(file, rng.randint(0, 8))
                    time.sleep(rng.random() * 0.1)
                    cluster.kill(name)
                    if cluster.kills + receiver_kills >= rounds:
                        break
            receiver_kills += 1
            time.sleep(rng.random() * 0.3)  # meanwhile nobody listens
        stop.set()
        failures = ended(site.check)
        with _receiver(port, file, calm=True), site.open_backend() as backend:
            if not _drained(backend, settle=60):
                failures.append(
                    f"events still wait after 60 s: {backend.events and backend.events.backlog()}"
                )
            found = _compared(backend, history, file)
        tally = Counter({"receiver's kills": receiver_kills}) + retries + deaths(cluster)
        counts = history.tally() + tally + _counted(file)
    return Outcome(
        counts["kills"] + receiver_kills, time.monotonic() - began, counts, Findings(events=found), failures
    )


@contextmanager
def _receiver(port: int, file: Path, *, calm: bool = False) -> Iterator[None]:
    """One that is killed at the end."""
    command = [sys.executable, "-m", "tools.faults.event_receiver", str(port), str(file), _SECRET]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    with subprocess.Popen(
        [*command, *(["--calm"] if calm else [])], stdout=subprocess.PIPE, cwd=_ROOT, env=variables
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"listens\n"
            yield
        finally:
            process.kill()


def _wait_for_more(file: Path, events: int, seconds: float = 3) -> None:
    """Until so many more events have come, so that there is something to be lost."""
    before, deadline = _lines(file), time.monotonic() + seconds
    while _lines(file) < before + events and time.monotonic() < deadline:
        time.sleep(0.01)


def _lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0


def _drained(backend: Backend, settle: float) -> bool:
    assert backend.events is not None
    deadline = time.monotonic() + settle
    while backend.events.backlog().waiting:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _received(file: Path) -> Iterator[dict[str, Any]]:
    for line in file.read_bytes().splitlines():
        yield json.loads(line)


def _compared(backend: Backend, history: History, file: Path) -> list[str]:
    """How what was received differs from the logs, a sentence each."""
    found: list[str] = []
    by_dataset: dict[str, dict[str, str]] = {}  # of each event its kind, in the order of their first arrivals
    for line in _received(file):
        event = line["event"]
        if not line["signed"] or line["type"].partition(";")[0] != MEDIA_TYPE:
            found.append(f"event {event['id']} is not signed, or not of the right media type")
        if line["path"] != "/events":
            found.append(f"event {event['id']} followed a redirect")
        kinds = by_dataset.setdefault(event["subject"], {})
        kinds.setdefault(event["id"], event["type"].removeprefix(TYPE_PREFIX))
    announced = [one for one in history.operations if one.kind == "announce" and one.answer is Answer.OK]
    for one in announced:
        got = list(by_dataset.get(one.data_id, {}).values())
        log = None
        with suppress(DatasetNotFound):
            backend.datasets.get(one.owner, one.data_id)
            log = [event.kind.value for event in backend.datasets.events(one.data_id)]
        if log is not None and got != log:
            found.append(f"data set {one.data_id}: the log is {log}, received was {got}")
        if log is None and (got[:2] != ["announced", "first-entries"] or got[-1] != DELETED):
            found.append(f"data set {one.data_id} was deleted, received was {got}")
    return found


def _counted(file: Path) -> Counter[str]:
    ids = Counter(line["event"]["id"] for line in _received(file))
    return Counter({"events": len(ids), "events received again": ids.total() - len(ids)})
