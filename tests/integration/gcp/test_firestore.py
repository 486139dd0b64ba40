"""What the contract suites don't show of Firestore: costs, lost answers, a service that is down."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from importlib.resources import files
from itertools import product
from threading import Barrier
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import grpc
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from logleap.adapters import snapshots
from logleap.adapters.gcp import receipts
from logleap.adapters.gcp.datasets import FirestoreDatasetRepository
from logleap.adapters.gcp.firestore import gate
from logleap.adapters.gcp.firestore.database import FirestoreDatabase
from logleap.adapters.gcp.google.clients import connect_firestore, firestore_client
from logleap.adapters.gcp.receipts import FirestoreReceiptLedger
from logleap.adapters.gcp.runs import FirestoreRunRepository
from logleap.adapters.memory.entries import MemoryEntryStore
from logleap.domain.datasets import Action, Dataset, Event, EventKind, State
from logleap.domain.entries import Entry, Receipt, Totals
from logleap.domain.errors import DatasetNotFound, EntryCountDiffers
from logleap.domain.runs import Run, Start, TrainingMessage, TrainingRequest, start_training
from logleap.ports.datasets import Position
from logleap.ports.errors import Conflict, Unavailable
from logleap.ports.runs import RunPosition
from logleap.usecases.append import AppendEntries

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
ANNOUNCED = Event(NOON, EventKind.ANNOUNCED, "Announced.")
UPLOADING = Event(NOON, EventKind.FIRST_ENTRIES, "First entries came in.")


@dataclass(frozen=True, slots=True)
class Firestore:
    """The three repositories over the same connections, with a prefix of their own unless one is given."""

    datasets: FirestoreDatasetRepository
    ledger: FirestoreReceiptLedger
    runs: FirestoreRunRepository
    prefix: str

    @classmethod
    def of(cls, site: Any, prefix: str | None = None) -> "Firestore":
        prefix = prefix or f"test-{uuid4()}"
        database = FirestoreDatabase(site.client, site.connect, prefix)
        return cls(
            FirestoreDatasetRepository(database),
            FirestoreReceiptLedger(database),
            FirestoreRunRepository(database),
            prefix,
        )

    def announce(self) -> Dataset:
        dataset = Dataset(str(uuid4()), "owner", NOON, NOON)
        self.datasets.add(dataset, ANNOUNCED)
        return dataset

    def open(self, *, seen: bool = False) -> Dataset:
        """A data set that takes entries. `seen`: by this process, a moment ago."""
        dataset = self.announce().after(Action.UPLOAD, NOON)
        self.datasets.save(dataset, UPLOADING)
        return self.datasets.recent("owner", dataset.dataset_id) if seen else dataset

    def started(self, **request: Any) -> tuple[Dataset, Run]:
        dataset = self.open()
        self.ledger.add(receipt(dataset), dataset.version)
        run = self.runs.start(dataset, decision(dataset, **request))
        return self.datasets.get("owner", dataset.dataset_id), run


def receipt(dataset: Dataset, key: str = "key", entries: int = 3) -> Receipt:
    return Receipt(dataset.dataset_id, str(uuid4()), key, entries, "ab" * 32, NOON)


def decision(dataset: Dataset, **request: Any) -> Callable[[Totals], Start]:
    return partial(
        start_training,
        dataset,
        request=TrainingRequest("count", **request),
        run_id="run-1",
        now=NOON,
        patience=timedelta(minutes=1),
    )


@pytest.fixture
def firestore(firestore_site: Any) -> Firestore:
    return Firestore.of(firestore_site)


@pytest.fixture
def watched(watched_site: Any) -> Firestore:
    return Firestore.of(watched_site)


# ---- what an upload costs ----------------------------------------------------------------------------------


class Body:
    """A request with one entry."""

    sha256 = sha256(b"body").hexdigest()

    def __iter__(self) -> Iterator[list[Entry]]:
        yield [Entry(NOON, "message")]


def reads(requests: list[tuple[str, Any]]) -> int:
    single = sum(len(request.documents) for method, request in requests if method == "BatchGetDocuments")
    return single + sum(method in ("RunQuery", "RunAggregationQuery") for method, _ in requests)


def writes(requests: list[tuple[str, Any]]) -> list[str]:
    changes = [write for method, request in requests if method == "Commit" for write in request.writes]
    return [write.update.name for write in changes if write.HasField("update")]


@pytest.mark.parametrize(
    ("key", "seen", "read"),
    [("nightly-7", False, 2), (None, False, 1), ("nightly-7", True, 1), (None, True, 0)],
)
def test_a_batch_costs_two_reads_at_most_and_writes_its_receipt_alone(
    watched: Firestore, wire: Any, key: str | None, *, seen: bool, read: int
) -> None:
    append = AppendEntries(
        watched.datasets, MemoryEntryStore(), watched.ledger, lambda: NOON, lambda: str(uuid4())
    )
    dataset = watched.open(seen=True)
    watched.ledger.add(receipt(dataset), dataset.version)  # the first finds out whether Firestore verifies
    if not seen:
        dataset = watched.open()
    wire.requests.clear()
    acknowledged = append("owner", dataset.dataset_id, Body(), key)
    assert reads(wire.requests) == read
    assert len(wire.requests) == read + 1
    (written,) = writes(wire.requests)
    assert dataset.dataset_id in written
    assert written.endswith(sha256(acknowledged.receipt.key.encode()).hexdigest())


def test_a_replayed_batch_writes_nothing(watched: Firestore, wire: Any) -> None:
    append = AppendEntries(
        watched.datasets, MemoryEntryStore(), watched.ledger, lambda: NOON, lambda: str(uuid4())
    )
    dataset = watched.open()
    append("owner", dataset.dataset_id, Body(), "again")
    wire.requests.clear()
    assert append("owner", dataset.dataset_id, Body(), "again").replayed
    assert reads(wire.requests) == 2
    assert writes(wire.requests) == []


# ---- lost requests and answers -----------------------------------------------------------------------------

LOSSES = {
    "the request was lost": (grpc.StatusCode.UNAVAILABLE, False),
    "the answer was lost": (grpc.StatusCode.UNAVAILABLE, True),
    "the answer was late": (grpc.StatusCode.DEADLINE_EXCEEDED, True),
    "another came first": (grpc.StatusCode.ABORTED, False),
}


@pytest.fixture(params=LOSSES)
def lose(request: pytest.FixtureRequest, wire: Any) -> Callable[[], None]:
    status, carried_out = LOSSES[request.param]
    return partial(wire.lose, status, carried_out=carried_out)


def test_adding_a_data_set_survives_a_lost_commit(watched: Firestore, lose: Callable[[], None]) -> None:
    dataset = Dataset(str(uuid4()), "owner", NOON, NOON)
    lose()
    watched.datasets.add(dataset, ANNOUNCED)
    assert watched.datasets.get("owner", dataset.dataset_id) == dataset
    assert watched.datasets.events(dataset.dataset_id) == [ANNOUNCED]
    with pytest.raises(Conflict):
        watched.datasets.add(dataset, ANNOUNCED)


def test_saving_a_data_set_survives_a_lost_commit(watched: Firestore, lose: Callable[[], None]) -> None:
    dataset = watched.announce()
    opened = dataset.after(Action.UPLOAD, NOON)
    lose()
    watched.datasets.save(opened, UPLOADING)
    assert watched.datasets.get("owner", dataset.dataset_id) == opened
    assert watched.datasets.events(dataset.dataset_id) == [ANNOUNCED, UPLOADING]
    with pytest.raises(Conflict):
        watched.datasets.save(opened, UPLOADING)


@pytest.mark.parametrize("seen", [False, True])
def test_adding_a_receipt_survives_a_lost_commit(
    watched: Firestore, lose: Callable[[], None], *, seen: bool
) -> None:
    first = watched.open(seen=True)
    watched.ledger.add(receipt(first), first.version)  # finds out whether Firestore verifies
    dataset = watched.open(seen=seen)
    wanted = receipt(dataset)
    lose()
    assert watched.ledger.add(wanted, dataset.version) == wanted
    assert watched.ledger.totals(dataset.dataset_id) == Totals(entries=3, batches=1)


def test_finding_out_whether_firestore_verifies_survives_a_lost_answer(
    watched: Firestore, lose: Callable[[], None], wire: Any
) -> None:
    dataset = watched.open(seen=True)
    wanted = receipt(dataset)
    lose()
    wire.requests.clear()
    assert watched.ledger.add(wanted, dataset.version) == wanted
    assert watched.ledger.totals(dataset.dataset_id) == Totals(entries=3, batches=1)
    assert [method for method, _ in wire.requests][:3] == ["Commit", "BatchGetDocuments", "Commit"]


def test_firestore_refuses_a_wrong_verification(watched: Firestore, wire: Any) -> None:
    dataset = watched.open(seen=True)
    wire.requests.clear()
    watched.ledger.add(receipt(dataset), dataset.version)
    watched.ledger.add(receipt(dataset, key="another"), dataset.version)
    assert [method for method, _ in wire.requests] == ["Commit", "Commit", "Commit"]


def test_starting_a_run_survives_a_lost_commit(watched: Firestore, lose: Callable[[], None]) -> None:
    dataset = watched.open()
    watched.ledger.add(receipt(dataset), dataset.version)
    lose()
    run = watched.runs.start(dataset, decision(dataset))
    assert watched.runs.get(dataset.dataset_id, "run-1") == run
    assert watched.runs.outbox(10) == [TrainingMessage.of(run)]
    assert len(watched.datasets.events(dataset.dataset_id)) == 3


def test_finishing_a_run_survives_a_lost_commit(watched: Firestore, lose: Callable[[], None]) -> None:
    dataset, run = watched.started()
    trained, succeeded = dataset.after(Action.SUCCEED, NOON), run.succeeded(NOON, {"entries": 3})
    event = Event(NOON, EventKind.TRAINING_SUCCEEDED, "Done.")
    lose()
    watched.runs.finish(trained, succeeded, event)
    assert watched.datasets.get("owner", dataset.dataset_id) == trained
    assert watched.runs.get(dataset.dataset_id, "run-1") == succeeded
    assert watched.datasets.events(dataset.dataset_id)[3:] == [event]


def test_a_claim_is_not_taken_for_an_equal_one_of_another_worker(watched: Firestore, wire: Any) -> None:
    dataset, run = watched.started()
    claimed = run.claimed(NOON, timedelta(minutes=1))
    wire.lose(grpc.StatusCode.UNAVAILABLE, carried_out=False)
    # The first commit is lost; just before the second, another worker stores the very same claim.
    at_commit(wire, 2, lambda: watched.runs.save(claimed))
    with pytest.raises(Unavailable, match="may have been made"):
        watched.runs.save(claimed)
    assert watched.runs.get(dataset.dataset_id, "run-1") == claimed


# ---- the gate ----------------------------------------------------------------------------------------------


def at_commit(wire: Any, number: int, call: Callable[[], object]) -> None:
    """Calls once, just before the commit of this number (from 1) is sent; a start's first closes the gate."""
    commits = 0

    def before(method: str) -> None:
        nonlocal commits
        commits += method == "Commit"
        if method == "Commit" and commits == number:
            call()

    wire.before = before


@pytest.mark.parametrize("seen", [False, True])
def test_an_add_during_a_start_waits_and_is_refused(
    watched: Firestore, wire: Any, watched_site: Any, *, seen: bool
) -> None:
    another_process = Firestore.of(watched_site, watched.prefix)
    dataset = watched.open()
    watched.ledger.add(receipt(dataset), dataset.version)
    late = receipt(dataset, key="late")
    if seen:
        another_process.datasets.recent("owner", dataset.dataset_id)
    with ThreadPoolExecutor(1) as threads:
        adding: list[Future[Receipt]] = []

        def add() -> None:
            adding.append(threads.submit(another_process.ledger.add, late, dataset.version))
            wait_for(lambda: any(method == "Rollback" for method, _ in wire.requests))  # found it closed

        at_commit(wire, 2, add)
        run = watched.runs.start(dataset, decision(dataset))
        with pytest.raises(Conflict):
            adding[0].result()
    assert run.totals == Totals(entries=3, batches=1)
    assert watched.ledger.totals(dataset.dataset_id) == run.totals


def test_what_was_seen_before_a_start_adds_nothing_after_it(
    firestore: Firestore, firestore_site: Any
) -> None:
    another_process = Firestore.of(firestore_site, firestore.prefix)
    dataset = firestore.open()
    firestore.ledger.add(receipt(dataset), dataset.version)
    another_process.datasets.recent("owner", dataset.dataset_id)
    run = firestore.runs.start(dataset, decision(dataset))
    assert another_process.datasets.recent("owner", dataset.dataset_id) == dataset  # it knows no better
    with pytest.raises(Conflict):
        another_process.ledger.add(receipt(dataset, key="late"), dataset.version)
    assert firestore.ledger.totals(dataset.dataset_id) == run.totals == Totals(entries=3, batches=1)
    assert another_process.datasets.recent("owner", dataset.dataset_id).state is State.TRAINING


def test_what_was_seen_of_a_data_set_is_seen_by_its_owner_alone(firestore: Firestore) -> None:
    dataset = firestore.open(seen=True)
    with pytest.raises(DatasetNotFound):
        firestore.datasets.recent("another", dataset.dataset_id)


def test_after_some_seconds_a_data_set_is_looked_at_anew(
    firestore: Firestore, firestore_site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "MAX_AGE_SECONDS", 0.0)
    another_process = Firestore.of(firestore_site, firestore.prefix)
    dataset = firestore.open(seen=True)
    changed = dataset.after(Action.DELETE, NOON)
    another_process.datasets.save(changed)
    assert firestore.datasets.recent("owner", dataset.dataset_id) == changed


def test_only_so_many_data_sets_are_remembered(
    watched: Firestore, wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "MAX_DATASETS", 2)
    first, second, third = (watched.open(seen=True) for _ in range(3))
    wire.requests.clear()
    for dataset in (third, second):
        watched.datasets.recent("owner", dataset.dataset_id)
    assert reads(wire.requests) == 0
    watched.datasets.recent("owner", first.dataset_id)
    assert reads(wire.requests) == 1


def test_a_start_that_is_refused_while_the_gate_is_closed_opens_it(watched: Firestore, wire: Any) -> None:
    dataset = watched.open()
    watched.ledger.add(receipt(dataset), dataset.version)
    late = receipt(dataset, key="late", entries=4)
    at_commit(wire, 1, lambda: watched.ledger.add(late, dataset.version))
    with pytest.raises(EntryCountDiffers):
        watched.runs.start(dataset, decision(dataset, expected_entries=3))
    further = receipt(dataset, key="further")
    assert watched.ledger.add(further, dataset.version) == further
    assert watched.datasets.get("owner", dataset.dataset_id) == dataset


def test_a_gate_that_a_start_left_closed_keeps_nobody_out_for_ever(
    watched: Firestore, wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "STALE_AFTER", timedelta(0))
    dataset = watched.open()
    watched.ledger.add(receipt(dataset), dataset.version)
    late = receipt(dataset, key="late", entries=4)
    watched.datasets.recent("owner", dataset.dataset_id)
    # The start stands still with the gate closed, for longer than anybody waits; then it goes on.
    at_commit(wire, 2, lambda: watched.ledger.add(late, dataset.version))
    run = watched.runs.start(dataset, decision(dataset))
    assert watched.ledger.find(dataset.dataset_id, "late") == late
    assert run.totals == Totals(entries=7, batches=2)
    assert watched.datasets.get("owner", dataset.dataset_id).sealed == run.totals


def test_of_two_starts_the_second_does_not_disturb_the_first(watched: Firestore, wire: Any) -> None:
    dataset = watched.open()
    watched.ledger.add(receipt(dataset), dataset.version)
    with ThreadPoolExecutor(1) as threads:
        starting: list[Future[Run]] = []

        def start() -> None:
            seen = len(wire.requests)
            starting.append(threads.submit(watched.runs.start, dataset, decision(dataset)))
            wait_for(lambda: len(wire.requests) >= seen + 6)  # it has come to the gate, twice

        at_commit(wire, 2, start)
        run = watched.runs.start(dataset, decision(dataset))
        assert starting[0].result() == run
    assert watched.runs.outbox(10) == [TrainingMessage.of(run)]
    assert len(watched.datasets.events(dataset.dataset_id)) == 3


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_an_add_that_is_refused_lets_go_of_the_data_set(watched: Firestore, wire: Any) -> None:
    dataset = watched.open()
    watched.ledger.add(receipt(dataset), dataset.version)
    wire.requests.clear()
    watched.ledger.add(receipt(dataset), dataset.version)
    assert "Rollback" in [method for method, _ in wire.requests]  # else its lock would last for seconds
    watched.datasets.save(replace(dataset, version=dataset.version + 1))


# ---- a service that is down --------------------------------------------------------------------------------


@contextmanager
def silent_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@contextmanager
def closed_port() -> Iterator[int]:
    """A port that nothing listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.mark.parametrize("port", [silent_port, closed_port])
def test_every_call_to_a_service_that_is_down_ends_as_unavailable_within_ten_seconds(
    port: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = Dataset("customer-42", "owner", NOON, NOON)
    opened = dataset.after(Action.UPLOAD, NOON)
    batch = receipt(opened, key="customer-42")
    start = decision(opened)(Totals(entries=3, batches=1))
    with port() as number:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{number}")
        site = SimpleNamespace(client=firestore_client("customer-42"), connect=connect_firestore)
        down = Firestore.of(site)
        calls: list[Callable[[], object]] = [
            lambda: down.datasets.add(dataset, ANNOUNCED),
            lambda: down.datasets.get("owner", "customer-42"),
            lambda: down.datasets.list("owner", state=State.CREATED, limit=5, after=Position(NOON, "x")),
            lambda: down.datasets.save(opened, UPLOADING),
            lambda: down.datasets.events("customer-42"),
            lambda: down.ledger.find("customer-42", "customer-42"),
            lambda: down.ledger.add(batch, 2),
            lambda: down.ledger.totals("customer-42"),
            lambda: down.ledger.manifest("customer-42"),
            lambda: down.runs.start(opened, lambda totals: start),
            lambda: down.runs.get("customer-42", "run-1"),
            lambda: down.runs.save(start.run.claimed(NOON, timedelta(minutes=1))),
            lambda: down.runs.finish(start.dataset, start.run, start.event),
            lambda: down.runs.outbox(5),
            lambda: down.runs.published(TrainingMessage.of(start.run)),
            lambda: down.runs.due(NOON, 5),
        ]

        def timed(call: Callable[[], object]) -> tuple[float, str]:
            began = time.monotonic()
            with pytest.raises(Unavailable) as caught:
                call()
            return time.monotonic() - began, str(caught.value)

        with ThreadPoolExecutor(len(calls)) as threads:
            outcomes = list(threads.map(timed, calls))
    for seconds, text in outcomes:
        assert seconds < 10
        assert "Firestore" in text
        assert "customer" not in text


# ---- what people send --------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(), max_size=40) | st.from_regex(r"[/.~_]{0,6}", fullmatch=True))
@example("")
@example("..")
@example("__id__")
@example("a/b/c")
@example("x" * 2000)
@example("\ud800")
def test_any_text_is_an_unknown_data_set(firestore: Firestore, text: str) -> None:
    with pytest.raises(DatasetNotFound):
        firestore.datasets.get("owner", text)
    assert firestore.datasets.events(text) == []
    assert firestore.ledger.find(text, text) is None
    assert firestore.ledger.totals(text) == Totals(0, 0)
    assert firestore.runs.get(text, text) is None
    firestore.runs.published(TrainingMessage("owner", text, text))


def test_json_that_firestore_could_not_hold_comes_back_as_it_was(firestore: Firestore) -> None:
    wild = {"big": 2**70, "small": -(2**63) - 1, "matrix": [[1], [[2]]], "__name__": {"": None}, "a.b": 0.1}
    dataset, run = firestore.started(parameters=wild)
    assert firestore.runs.get(dataset.dataset_id, "run-1") == run
    assert run.parameters == wild
    succeeded = run.succeeded(NOON, wild)
    done = Event(NOON, EventKind.TRAINING_SUCCEEDED, "Done.")
    firestore.runs.finish(dataset.after(Action.SUCCEED, NOON), succeeded, done)
    assert firestore.runs.get(dataset.dataset_id, "run-1") == succeeded


# ---- manifest, prefix -------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 2, 3, 6, 7])
def test_a_manifest_of_several_pages_is_whole(
    firestore: Firestore, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(receipts, "PAGE_SIZE", 3)
    dataset = firestore.open()
    stored = [receipt(dataset, key=f"key {number}", entries=number + 1) for number in range(count)]
    for each in stored:
        firestore.ledger.add(each, dataset.version)
    manifest = firestore.ledger.manifest(dataset.dataset_id)
    assert manifest.batches == {each.batch_id: each.entries for each in stored}


def test_a_manifest_is_of_one_moment(
    watched: Firestore, wire: Any, firestore_site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts, "PAGE_SIZE", 1)
    dataset = watched.open()
    first = [receipt(dataset, key=f"key {number}") for number in range(4)]
    for each in first:
        watched.ledger.add(each, dataset.version)
    later = (receipt(dataset, key=f"later {number}") for number in range(100))

    def add_one_more(method: str) -> None:
        # Before each page but the first, through the same client, so without asking for pages itself.
        if method == "RunQuery" and any(name == "RunQuery" for name, _ in wire.requests):
            watched.ledger.add(next(later), dataset.version)

    wire.requests.clear()
    wire.before = add_one_more
    manifest = watched.ledger.manifest(dataset.dataset_id)
    wire.before = lambda method: None
    assert manifest.batches.keys() == {each.batch_id for each in first}
    assert watched.ledger.totals(dataset.dataset_id).batches > 4


def test_installations_with_different_prefixes_see_nothing_of_one_another(firestore_site: Any) -> None:
    one, other = Firestore.of(firestore_site), Firestore.of(firestore_site)
    dataset, run = one.started()
    long_after = NOON + timedelta(days=1)
    assert one.runs.due(long_after, 5) == [run]
    assert one.runs.outbox(5) == [TrainingMessage.of(run)]
    assert other.runs.due(long_after, 5) == []
    assert other.runs.outbox(5) == []
    assert other.datasets.list("owner", limit=5) == []
    with pytest.raises(DatasetNotFound):
        other.datasets.get("owner", dataset.dataset_id)


def test_the_totals_of_a_page_are_added_up_side_by_side(
    firestore: Firestore, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [firestore.open() for _ in range(3)]
    for number, dataset in enumerate(made):
        for key in range(number):
            firestore.ledger.add(receipt(dataset, key=str(key)), dataset.version)
    together = Barrier(3, timeout=20)  # none of the three goes on before the others have come
    one_by_one = FirestoreDatabase.totals

    def at_the_same_time(*arguments: Any) -> Totals:
        together.wait()
        return one_by_one(*arguments)

    monkeypatch.setattr(FirestoreDatabase, "totals", at_the_same_time)
    ids = [dataset.dataset_id for dataset in made]
    assert firestore.ledger.all_totals(ids) == dict(
        zip(ids, (Totals(0, 0), Totals(3, 1), Totals(6, 2)), strict=True)
    )


# ---- indexes -----------------------------------------------------------------------------------------------


def needs(query: Any) -> tuple[frozenset[str], list[tuple[str, str]]]:
    """The fields that a query compares for equality, and those that it sorts by."""
    where = query.where
    filters = [each.field_filter for each in where.composite_filter.filters] or [where.field_filter]
    equal = frozenset(each.field.field_path for each in filters if each.op.name == "EQUAL")
    return equal, [(order.field.field_path, order.direction.name) for order in query.order_by]


def test_each_query_over_several_fields_has_its_index(watched_site: Any, wire: Any) -> None:
    # The emulator answers without indexes; the service refuses.
    watched = Firestore.of(watched_site, "logleap")
    for state, name in product((None, State.CREATED), (None, "nightly")):
        watched.datasets.list(f"owner-{uuid4()}", state=state, name=name, limit=1, after=Position(NOON, "x"))
    watched.runs.due(datetime(1, 1, 1, tzinfo=UTC), 1)
    watched.runs.list("d", limit=1, after=RunPosition(NOON, "x"))
    for due in (watched.datasets.due_for_archiving, watched.datasets.due_for_deletion):
        due(datetime(1, 1, 2, tzinfo=UTC), timedelta(hours=1), 1)
    stored = json.loads(
        files("logleap.adapters.gcp.firestore").joinpath("firestore.indexes.json").read_text()
    )
    made = [
        (
            index["collectionGroup"],
            index["queryScope"],
            [(f["fieldPath"], f["order"]) for f in index["fields"]],
        )
        for index in stored["indexes"]
    ]
    queries = [request.structured_query for method, request in wire.requests if method == "RunQuery"]
    assert len(queries) == 10
    for query in queries:
        equal, orders = needs(query)
        if not equal and len(orders) == 1:
            continue  # every field has an index of its own
        (source,) = query.from_
        scope = "COLLECTION_GROUP" if source.all_descendants else "COLLECTION"
        fitting = [
            fields
            for group, index_scope, fields in made
            if (group, index_scope) == (source.collection_id, scope)
            and {name for name, _ in fields[: len(equal)]} == equal
            and fields[len(equal) :] == orders
        ]
        assert len(fitting) == 1
