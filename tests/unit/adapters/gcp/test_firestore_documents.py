"""Domain objects go into Firestore documents and come back the same."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from importlib.resources import files
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import Client
from hypothesis import example, given
from hypothesis import strategies as st
from mockfirestore import MockFirestore

from logleap.adapters.gcp.firestore.database import FirestoreDatabase, document_id
from logleap.adapters.gcp.firestore.documents import (
    Document,
    dataset_document,
    dataset_of,
    event_document,
    event_of,
    message_document,
    message_of,
    receipt_document,
    receipt_of,
    run_document,
    run_of,
)
from logleap.adapters.gcp.google.clients import connect_firestore
from logleap.domain.datasets import Archive, Dataset, Event, EventKind, State
from logleap.domain.entries import Receipt, Totals
from logleap.domain.runs import UNKNOWN_ORIGIN, Origin, Run, RunError, RunState, TrainingMessage

INT64 = 2**63 - 1

times = st.datetimes(timezones=st.just(UTC))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
counts = st.integers(0, INT64)
totals = st.builds(Totals, counts, counts)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
json_objects = st.dictionaries(st.text(max_size=5), json_values, max_size=3)

datasets = st.builds(
    Dataset,
    dataset_id=texts,
    owner=texts,
    created_at=times,
    updated_at=times,
    name=st.none() | texts,
    labels=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    state=st.sampled_from(State),
    version=counts,
    run_id=st.none() | texts,
    sealed=st.none() | totals,
    archive=st.none() | st.builds(Archive, texts, counts, texts),
)
origins = st.builds(Origin, st.none() | texts, st.none() | texts)
runs = st.builds(
    Run,
    run_id=texts,
    dataset_id=texts,
    owner=texts,
    task=texts,
    parameters=json_objects,
    totals=totals,
    created_at=times,
    due_at=times,
    state=st.sampled_from(RunState),
    version=counts,
    fence=counts,
    attempts=counts,
    started_at=st.none() | times,
    finished_at=st.none() | times,
    result=st.none() | json_objects,
    error=st.none() | st.builds(RunError, texts, texts),
    origin=origins,
)
receipts = st.builds(Receipt, texts, texts, texts, counts, texts, times)
events = st.builds(Event, times, st.sampled_from(EventKind), texts)
messages = st.builds(TrainingMessage, texts, texts, texts, origins)


def stored(document: Document) -> Document:
    """The document after a round through a document store, and a check that Firestore takes its values."""
    check_value(document)
    place = MockFirestore().collection("things").document("thing")
    place.set(document)
    found: Document = place.get().to_dict()
    return found


def check_value(value: object, *, inside_array: bool = False) -> None:
    """Fails on what Firestore refuses: integers beyond 64 bits, arrays in arrays, reserved or empty names."""
    if isinstance(value, dict):
        for name, inner in value.items():
            assert name
            assert not (name.startswith("__") and name.endswith("__"))
            check_value(inner)
    elif isinstance(value, list):
        assert not inside_array
        for inner in value:
            check_value(inner, inside_array=True)
    elif isinstance(value, int):
        assert -(2**63) <= value <= INT64
    elif isinstance(value, str):
        value.encode()
    else:
        assert value is None or isinstance(value, datetime)


@given(datasets)
def test_a_data_set_comes_back_the_same(dataset: Dataset) -> None:
    assert dataset_of(stored(dataset_document(dataset))) == dataset


@given(runs)
@example(
    Run(
        run_id="r",
        dataset_id="d",
        owner="o",
        task="t",
        parameters={"big": 2**70, "matrix": [[1, 2], [3, [4]]], "__name__": {"": "\ud800"}},
        totals=Totals(10**11, 7),
        created_at=datetime(2026, 8, 1, tzinfo=UTC),
        due_at=datetime(2026, 8, 1, tzinfo=UTC),
        result={"scores": [[0.5], []], "n": -(2**63) - 1},
    )
)
def test_a_run_comes_back_the_same_whatever_json_it_carries(run: Run) -> None:
    assert run_of(stored(run_document(run))) == run


@given(runs)
def test_a_run_says_whether_it_is_finished(run: Run) -> None:
    assert run_document(run)["finished"] is run.finished


@given(receipts)
def test_a_receipt_comes_back_the_same(receipt: Receipt) -> None:
    assert receipt_of(stored(receipt_document(receipt)), receipt.dataset_id) == receipt


@given(events)
def test_an_event_comes_back_the_same(event: Event) -> None:
    assert event_of(stored(event_document(event))) == event


@given(messages)
def test_a_message_comes_back_the_same(message: TrainingMessage) -> None:
    assert message_of(stored(message_document(message))) == message


@given(runs, messages)
def test_documents_of_before_origins_were_kept_are_read(run: Run, message: TrainingMessage) -> None:
    old_run, old_message = run_document(run), message_document(message)
    del old_run["origin"], old_message["origin"]
    assert run_of(stored(old_run)) == replace(run, origin=UNKNOWN_ORIGIN)
    assert message_of(stored(old_message)) == replace(message, origin=UNKNOWN_ORIGIN)


def test_a_replaced_document_keeps_nothing_of_the_one_before() -> None:
    now = datetime(2026, 8, 1, tzinfo=UTC)
    full = Dataset("d", "o", now, now, "name", {"a": "b"}, State.ARCHIVED, 3, "r", Totals(1, 1))
    assert dataset_document(full).keys() == dataset_document(Dataset("d", "o", now, now)).keys()


# ---- ids ---------------------------------------------------------------------------------------------------


@given(st.text(st.characters(), max_size=80) | st.from_regex(r"__.*__"))
@example("\ud800")
@example("")
def test_any_text_makes_a_document_id_that_firestore_takes(text: str) -> None:
    made = document_id(text)
    assert 0 < len(made.encode()) <= 1500
    assert "/" not in made
    assert made not in (".", "..")
    assert not (made.startswith("__") and made.endswith("__"))


@given(st.lists(st.text(st.characters(), max_size=3) | st.uuids().map(str), unique=True))
def test_different_texts_make_different_document_ids(texts: list[str]) -> None:
    assert len({document_id(text) for text in texts}) == len(texts)


@given(st.uuids())
def test_a_uuid_is_its_own_document_id(uuid: Any) -> None:
    assert document_id(str(uuid)) == str(uuid)


# ---- indexes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["indexes", "fieldOverrides"])
def test_the_indexes_are_made_for_collections_that_exist(kind: str) -> None:
    database = FirestoreDatabase(Client(project="p", credentials=AnonymousCredentials()), connect_firestore)  # type: ignore[no-untyped-call]
    collections = [
        database.datasets(),
        database.events("d"),
        database.receipts("d"),
        database.runs("d"),
    ]
    indexes = json.loads(
        files("logleap.adapters.gcp.firestore").joinpath("firestore.indexes.json").read_text()
    )
    assert indexes[kind]
    assert {index["collectionGroup"] for index in indexes[kind]} <= {
        collection.id for collection in collections
    }


def test_times_come_back_in_utc_and_as_plain_datetimes() -> None:
    noon = datetime(2026, 8, 1, 12, 0, 0, 123456, tzinfo=UTC)
    event = event_of({"at": noon, "kind": "announced", "detail": "x"})
    assert type(event.at) is datetime
    assert event.at.utcoffset() == timedelta(0)
    east = noon.astimezone(timezone(timedelta(hours=2)))
    assert event_document(Event(east, EventKind.ANNOUNCED, "x"))["at"] == noon
