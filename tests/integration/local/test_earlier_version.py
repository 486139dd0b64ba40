"""A data directory that an earlier version wrote: today's opens it, reads it, trains on it, appends to it.

`earlier_version/8a2a77b.tar.xz` holds the data directory of the commit of this name as a killed server left
it, the write-ahead log not yet merged, and `expected.json`: what was sent, and what that version answered
about it last. It kept its data in /srv/logleap.
"""

import json
import sqlite3
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from logleap.backends import open_backend
from logleap.container import Container, build_container
from logleap.domain.datasets import Action, Event, EventKind, State
from logleap.domain.entries import Row
from logleap.domain.events import Backlog
from logleap.entrypoints.http.app import create_app
from logleap.entrypoints.worker.worker import make_worker
from logleap.settings import Settings

ARCHIVE = Path(__file__).parent / "earlier_version" / "8a2a77b.tar.xz"
WHOLE = ["created", "uploading", "trained", "failed", "archived", "training", "foreign"]


@dataclass
class Site:
    """Today's service on the data directory, and what the earlier version said."""

    container: Container
    expected: dict[str, Any]

    def __post_init__(self) -> None:
        self._client = create_app(self.container).test_client()

    def call(self, method: str, path: str, state: str = "created", **request: Any) -> Any:
        """The answer, which must be a success, to who owns the data set."""
        key = self.expected["keys"]["anna" if state == "foreign" else "anonymous"]
        headers = {"X-API-Key": key, **request.pop("headers", {})}
        answer = self._client.open(path, method=method, headers=headers, **request)
        assert answer.status_code < 300, answer.text
        return answer.get_json()

    def status(self, path: str, **headers: str) -> int:
        return self._client.get(path, headers=headers).status_code

    def data_id(self, state: str) -> str:
        return str(self.expected["datasets"][state]["dataId"])

    def trained(self, state: str) -> Any:
        """The run, once it has ended."""
        deadline = time.monotonic() + 60
        while (run := self.call("GET", f"/train/{self.data_id(state)}"))["state"] in ("queued", "running"):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return run

    def rows(self, state: str) -> list[Row]:
        """The acknowledged entries, from the store or from the archive, in the order of their ids."""
        backend = self.container.backend()
        owner = "anna" if state == "foreign" else "anonymous"
        dataset = backend.datasets.get(owner, self.data_id(state))
        if dataset.archive is not None:
            rows = backend.archives.read(dataset.archive)
        else:
            rows = backend.store.read(backend.ledger.manifest(dataset.dataset_id))
        return sorted(rows, key=lambda row: row[:2])


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    data_dir = tmp_path / "data"
    assert (data_dir / "logleap.db-wal").stat().st_size > 0
    container = build_container(Settings(backend="local", data_dir=data_dir, sweep_interval=0.1))
    # Archives are found by the URL under which they were written.
    with closing(sqlite3.connect(data_dir / "logleap.db")) as connection, connection:
        moved = "UPDATE datasets SET archive_url = replace(archive_url, 'file:///srv/logleap', ?)"
        connection.execute(moved, (data_dir.as_uri(),))
    yield Site(container, json.loads((tmp_path / "expected.json").read_text("utf-8")))
    container.backend().close()


@pytest.fixture
def working(site: Site) -> Iterator[None]:
    """A worker is at it."""
    stop = threading.Event()
    worker = threading.Thread(target=make_worker(site.container).run, args=(stop,))
    worker.start()
    yield
    stop.set()
    worker.join()


def held(expected: Any, found: Any) -> Any:
    """What `found` has of the fields that are expected."""
    if isinstance(expected, dict):
        return {name: held(value, found.get(name)) for name, value in expected.items()}
    if isinstance(expected, list) and isinstance(found, list) and len(found) == len(expected):
        return [held(*pair) for pair in zip(expected, found, strict=True)]
    return found


@pytest.mark.parametrize("state", WHOLE)
def test_data_sets_runs_logs_and_reports_are_answered_as_the_earlier_version_did(
    site: Site, state: str
) -> None:
    expected = site.expected["datasets"][state]
    path = f"/data/{expected['dataId']}"
    calls = {"dataset": path, "events": f"{path}/events", "report": f"{path}/report"}
    if "run" in expected:
        calls["run"] = f"/train/{expected['dataId']}"
    for name, called in calls.items():
        if expected[name] is None:
            continue
        answer = site.call("GET", called, state)
        if name == "dataset" and expected[name]["archive"] is not None:
            expected[name]["archive"]["url"] = answer["archive"]["url"]  # it was moved
        assert held(expected[name], answer) == expected[name]


@pytest.mark.parametrize("state", WHOLE)
def test_every_entry_is_shown_in_the_order_of_time(site: Site, state: str) -> None:
    path, rows = f"/data/{site.data_id(state)}/entries", site.rows(state)
    shown: list[Any] = []
    token: str | None = ""
    while token is not None:
        page = site.call("GET", f"{path}?pageSize=7&pageToken={token}", state)
        shown += page["entries"]
        token = page["nextPageToken"]
    assert [entry["timestamp"] for entry in shown] == sorted(entry["timestamp"] for entry in shown)
    found = {(entry["batchId"], entry["sequence"]): entry["message"] for entry in shown}
    assert len(shown) == len(rows)
    assert found == {row[:2]: row.entry.message for row in rows}


@pytest.mark.parametrize("state", WHOLE)
def test_every_entry_is_read_as_it_was_sent(site: Site, state: str) -> None:
    sent = sorted(site.expected["datasets"][state]["entries"], key=lambda row: row[:2])
    found = site.rows(state)
    assert [[row.batch_id, row.sequence] for row in found] == [row[:2] for row in sent]
    for row, (_, _, entry) in zip(found, sent, strict=True):
        assert row.entry.timestamp == datetime.fromisoformat(entry["timestamp"])
        assert row.entry.message == entry["message"]
        context = row.entry.context
        if isinstance(entry.get("context"), dict):  # kept as the JSON text that was sent
            context = json.loads(context or "")
        assert context == entry.get("context")


def test_the_list_is_the_same_and_the_deleted_data_set_is_gone(site: Site) -> None:
    assert [found["dataId"] for found in site.call("GET", "/data")["datasets"]] == site.expected["list"]
    assert site.data_id("deleted") not in site.expected["list"]
    assert (
        site.status(f"/data/{site.data_id('deleted')}", **{"X-API-Key": site.expected["keys"]["anna"]}) == 404
    )


def test_keys_open_what_is_their_owners_and_the_revoked_one_opens_nothing(site: Site) -> None:
    keys = site.expected["keys"]
    foreign = f"/data/{site.data_id('foreign')}"
    assert site.status(foreign, **{"X-API-Key": keys["anna"]}) == 200
    assert site.status(foreign, **{"X-API-Key": keys["anonymous"]}) == 404
    assert site.status(foreign, **{"X-API-Key": keys["gone"]}) == 401
    assert site.status(foreign) == 401


@pytest.mark.usefixtures("working")
def test_the_run_that_was_queued_is_carried_out(site: Site) -> None:
    queued = site.expected["datasets"]["training"]["run"]
    assert queued["state"] == "queued"
    run = site.trained("training")
    assert (run["runId"], run["state"], run["result"]) == (queued["runId"], "succeeded", {"entries": 30})


@pytest.mark.usefixtures("working")
def test_a_repeated_batch_is_known_new_ones_are_added_and_all_are_trained_on(site: Site) -> None:
    expected = site.expected["datasets"]["uploading"]
    path = f"/data/{expected['dataId']}"
    entries = [entry for batch_id, _, entry in expected["entries"] if batch_id == first(expected)["batchId"]]
    repeated = site.call("POST", path, json=entries, headers={"Idempotency-Key": "shift-1"})
    assert (repeated["batchId"], repeated["replayed"]) == (first(expected)["batchId"], True)
    assert site.call("POST", path, json=entries[:7])["accepted"] == 7
    total = len(expected["entries"]) + 7
    site.call("POST", f"/train/{expected['dataId']}", json={"expectedEntries": total})
    assert site.trained("uploading")["result"] == {"entries": total}


@pytest.mark.usefixtures("working")
@pytest.mark.parametrize("state", ["trained", "failed", "archived"])
def test_what_was_trained_on_or_archived_is_trained_on_again(site: Site, state: str) -> None:
    expected = site.expected["datasets"][state]
    site.call("POST", f"/train/{expected['dataId']}", json={"task": "count-entries", "parameters": {"n": 2}})
    run = site.trained(state)
    assert run["runId"] != expected["run"]["runId"]
    assert run["result"] == {"entries": len(expected["entries"])}


def test_what_is_there_is_archived_and_deleted(site: Site) -> None:
    uploading = site.data_id("uploading")
    sent = len(site.expected["datasets"]["uploading"]["entries"])
    assert site.call("POST", f"/data/{uploading}/archive")["archive"]["entries"] == sent
    for state in ("archived", "uploading", "created"):
        site.call("DELETE", f"/data/{site.data_id(state)}")
    gone = {site.data_id(state) for state in ("archived", "uploading", "created")}
    assert gone.isdisjoint(found["dataId"] for found in site.call("GET", "/data")["datasets"])
    assert not list((site.container.settings().data_dir / "archive").iterdir())


def first(expected: Any) -> Any:
    """The answer to the first batch."""
    return expected["batches"]["shift-1"]


def test_the_states_are_those_that_last(site: Site) -> None:
    stored = {site.expected["datasets"][state]["dataset"]["state"] for state in WHOLE}
    assert stored == set(State) - {State.DELETING}


def test_changes_of_what_is_there_are_told_to_others_from_now_on(site: Site) -> None:
    site.container.backend().close()
    settings = site.container.settings().model_copy(update={"events_url": "http://127.0.0.1:9/"})
    announcing = open_backend(settings)
    try:
        outbox = announcing.events
        assert outbox is not None
        assert outbox.backlog() == Backlog(0, 0)
        dataset = announcing.datasets.get("anonymous", site.data_id("uploading"))
        sealed = dataset.after(Action.ARCHIVE, dataset.updated_at)
        announcing.datasets.save(sealed, Event(sealed.updated_at, EventKind.ARCHIVING_DUE, "Due."))
        (waiting,) = outbox.list(dead=False, limit=9)
        assert (waiting.event.dataset_id, waiting.event.kind) == (dataset.dataset_id, "archiving-due")
    finally:
        announcing.close()
