"""What every EventOutbox promises, and the repositories of data sets and runs that fill it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from logleap.domain.datasets import Action, Dataset, Event, EventKind
from logleap.domain.entries import Totals
from logleap.domain.events import LONGEST_WAIT, Backlog, EventClaim, WaitingEvent
from logleap.domain.runs import Run, RunError, Start
from logleap.ports.datasets import DatasetRepository
from logleap.ports.errors import Conflict
from logleap.ports.events import EventOutbox
from logleap.ports.receipts import ReceiptLedger
from logleap.ports.runs import RunRepository

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
LIMIT = 20


def announced(announce: Callable[..., Dataset], **fields: Any) -> Dataset:
    return announce(**({"created_at": NOW, "updated_at": NOW} | fields))


def changed(datasets: DatasetRepository, dataset: Dataset, kind: EventKind, detail: str = "…") -> Dataset:
    """One more change of the data set, whose event is of this kind."""
    after = dataset.after(Action.UPLOAD, NOW)
    datasets.save(after, Event(NOW, kind, detail))
    return after


def claimed(outbox: EventOutbox, now: datetime = NOW, until: datetime = LATER) -> EventClaim:
    claim = outbox.claim(now, until, LIMIT)
    assert claim is not None
    return claim


def kinds(claim: EventClaim) -> list[str]:
    return [waiting.event.kind for waiting in claim.events]


def drain(outbox: EventOutbox) -> list[WaitingEvent]:
    """Delivers all that is due."""
    found: list[WaitingEvent] = []
    while (claim := outbox.claim(NOW, LATER, LIMIT)) is not None:
        for waiting in claim.events:
            outbox.delivered(claim, waiting, LATER)
            found.append(waiting)
        outbox.release(claim, NOW)
    return found


def dead(waiting: WaitingEvent) -> WaitingEvent:
    return WaitingEvent(waiting.event, 7, "no answer", LATER)


@pytest.fixture
def trained(
    datasets: DatasetRepository,
    runs: RunRepository,
    announce_uploading: Callable[..., Dataset],
    upload: Callable[..., str],
) -> tuple[Dataset, Run]:
    """A data set with a name that was trained on, once, in vain."""
    dataset = announce_uploading(name="line 4", created_at=NOW, updated_at=NOW)
    asked = Run(str(uuid4()), dataset.dataset_id, dataset.owner, "count-entries", {}, Totals(0, 0), NOW, NOW)
    event = Event(NOW, EventKind.TRAINING_STARTED, "Started.")
    training = dataset.after(Action.TRAIN, NOW)
    run = runs.start(dataset, lambda totals: Start(training, asked, event))
    failed = run.failed(NOW, RunError("TASK_FAILED", "no\nsuch column"))
    runs.finish(training.after(Action.FAIL, NOW), failed, Event(NOW, EventKind.TRAINING_FAILED, "It failed."))
    return training.after(Action.FAIL, NOW), failed


def test_each_line_of_a_log_is_an_event_in_its_order(
    datasets: DatasetRepository, outbox: EventOutbox, trained: tuple[Dataset, Run]
) -> None:
    dataset, run = trained
    found = [waiting.event for waiting in claimed(outbox).events]
    logged = datasets.events(dataset.dataset_id)
    assert [(event.kind, event.at) for event in found] == [(line.kind.value, line.at) for line in logged]
    assert {(event.dataset_id, event.owner) for event in found} == {(dataset.dataset_id, dataset.owner)}
    assert len({event.event_id for event in found}) == len(found)
    assert found[-1].details == {
        "detail": "It failed.",
        "name": "line 4",
        "state": "failed",
        "run": {
            "runId": run.run_id,
            "task": "count-entries",
            "state": "failed",
            "attempts": 0,
            "error": {"code": "TASK_FAILED", "detail": "no\nsuch column"},
        },
    }


def test_what_a_run_alone_goes_through_is_an_event_too(
    runs: RunRepository, outbox: EventOutbox, announce_uploading: Callable[..., Dataset]
) -> None:
    dataset = announce_uploading(created_at=NOW, updated_at=NOW)
    training = dataset.after(Action.TRAIN, NOW)
    run = Run(str(uuid4()), dataset.dataset_id, dataset.owner, "mine", {}, Totals(0, 0), NOW, NOW)
    started = Event(NOW, EventKind.TRAINING_STARTED, "Started.")
    run = runs.start(dataset, lambda totals: Start(training, run, started))
    requeued = run.requeued(NOW, timedelta(minutes=10))
    runs.save(requeued, Event(NOW, EventKind.TRAINING_REPUBLISHED, "Again."))
    last = claimed(outbox).events[-1].event
    assert (last.kind, last.owner) == ("training-republished", dataset.owner)
    assert last.details is not None
    assert last.details["run"] == {"runId": run.run_id, "task": "mine", "state": "queued", "attempts": 0}
    assert "name" not in last.details


def test_what_changes_nothing_in_a_log_is_no_event(
    datasets: DatasetRepository, outbox: EventOutbox, announce: Callable[..., Dataset]
) -> None:
    dataset = announced(announce)
    datasets.save(dataset.with_activity(LATER))
    assert kinds(claimed(outbox)) == ["announced"]


def test_a_change_that_is_refused_leaves_no_event(
    datasets: DatasetRepository, outbox: EventOutbox, announce: Callable[..., Dataset]
) -> None:
    dataset = announced(announce)
    changed(datasets, dataset, EventKind.FIRST_ENTRIES)
    with pytest.raises(Conflict):
        changed(datasets, dataset, EventKind.ARCHIVED)
    with pytest.raises(Conflict):
        datasets.add(dataset, Event(NOW, EventKind.ANNOUNCED, "Again."))
    assert kinds(claimed(outbox)) == ["announced", "first-entries"]


def test_an_upload_is_no_event(
    ledger: ReceiptLedger,
    outbox: EventOutbox,
    announce_uploading: Callable[..., Dataset],
    receipt_for: Callable[..., Any],
) -> None:
    dataset = announce_uploading(created_at=NOW, updated_at=NOW)
    before = outbox.backlog()
    ledger.add(receipt_for(dataset), dataset.version)
    assert outbox.backlog() == before


def test_events_are_claimed_by_one_at_a_time_and_again_when_the_claim_has_run_out(
    outbox: EventOutbox, announce: Callable[..., Dataset]
) -> None:
    dataset = announced(announce)
    first = claimed(outbox)
    assert (first.dataset_id, first.failing_since) == (dataset.dataset_id, None)
    assert outbox.claim(NOW, LATER, LIMIT) is None
    second = claimed(outbox, LATER, LATER + timedelta(minutes=1))
    assert second.events == first.events
    (waiting,) = first.events
    calls: list[Callable[[], None]] = [
        lambda: outbox.delivered(first, waiting, LATER),
        lambda: outbox.postpone(first, waiting, NOW, LATER),
        lambda: outbox.bury(first, dead(waiting), NOW, LATER),
        lambda: outbox.release(first, LATER),
    ]
    for late in calls:
        with pytest.raises(Conflict):
            late()
    assert list(outbox.list(dead=False, limit=9)) == [waiting]
    outbox.delivered(second, waiting, LATER)
    outbox.release(second, LATER)
    assert outbox.backlog() == Backlog(0, 0)


def test_nobody_claims_the_same_events_at_once(
    outbox: EventOutbox, announce: Callable[..., Dataset], race: Callable[..., list[Any]]
) -> None:
    mine = {announced(announce).dataset_id for _ in range(3)}
    found = race(*[lambda: outbox.claim(NOW, LATER, LIMIT) for _ in range(4)])
    while (left := outbox.claim(NOW, LATER, LIMIT)) is not None:  # who was too late may have gone without
        found.append(left)
    claims = [claim for claim in found if claim is not None]
    assert all(isinstance(claim, EventClaim) for claim in claims), claims
    assert sorted(claim.dataset_id for claim in claims) == sorted(mine)


def test_a_delivered_event_is_gone_and_the_claim_lasts_on(
    datasets: DatasetRepository, outbox: EventOutbox, announce: Callable[..., Dataset]
) -> None:
    changed(datasets, announced(announce), EventKind.FIRST_ENTRIES)
    claim = claimed(outbox)
    outbox.delivered(claim, claim.events[0], LATER + timedelta(minutes=1))
    assert outbox.claim(LATER, LATER, LIMIT) is None
    outbox.release(claim, LATER)
    assert kinds(claimed(outbox, LATER)) == ["first-entries"]


def test_a_claim_has_no_more_events_than_were_asked_for(
    datasets: DatasetRepository, outbox: EventOutbox, announce: Callable[..., Dataset]
) -> None:
    changed(datasets, announced(announce), EventKind.FIRST_ENTRIES)
    claim = outbox.claim(NOW, LATER, 1)
    assert claim is not None
    assert kinds(claim) == ["announced"]


def test_a_failed_event_holds_up_its_own_data_set_alone(
    datasets: DatasetRepository, outbox: EventOutbox, announce: Callable[..., Dataset]
) -> None:
    failing = announced(announce)
    claim = claimed(outbox)
    (waiting,) = claim.events
    failed = WaitingEvent(waiting.event, 1, "answered 500")
    outbox.postpone(claim, failed, NOW, LATER)
    changed(datasets, failing, EventKind.FIRST_ENTRIES)
    other = announced(announce)
    assert [waiting.event.dataset_id for waiting in drain(outbox)] == [other.dataset_id]
    again = claimed(outbox, LATER, LATER + timedelta(minutes=1))
    assert again.events[0] == failed
    assert kinds(again) == ["announced", "first-entries"]
    assert again.failing_since == NOW


def test_after_a_success_nothing_has_failed(
    datasets: DatasetRepository, outbox: EventOutbox, announce: Callable[..., Dataset]
) -> None:
    changed(datasets, announced(announce), EventKind.FIRST_ENTRIES)
    claim = claimed(outbox)
    outbox.postpone(claim, WaitingEvent(claim.events[0].event, 1, "…"), NOW, NOW)
    claim = claimed(outbox)
    outbox.delivered(claim, claim.events[0], LATER)
    outbox.release(claim, NOW)
    assert claimed(outbox).failing_since is None


def test_what_a_clock_that_was_ahead_has_postponed_is_due_at_once(
    outbox: EventOutbox, announce: Callable[..., Dataset]
) -> None:
    announced(announce)
    claim = claimed(outbox)
    outbox.postpone(claim, claim.events[0], NOW, NOW + LONGEST_WAIT)
    assert outbox.claim(NOW, LATER, LIMIT) is None
    assert kinds(claimed(outbox, NOW - timedelta(seconds=1))) == ["announced"]


def test_a_dead_letter_lets_the_next_one_go_and_is_sent_again_on_request(
    datasets: DatasetRepository, outbox: EventOutbox, announce: Callable[..., Dataset]
) -> None:
    changed(datasets, announced(announce), EventKind.FIRST_ENTRIES)
    claim = claimed(outbox)
    first = claim.events[0]
    outbox.bury(claim, dead(first), NOW, LATER)
    outbox.release(claim, NOW)
    assert outbox.backlog() == Backlog(1, 1, NOW)
    assert list(outbox.list(dead=True, limit=9)) == [dead(first)]
    assert kinds(claimed(outbox)) == ["first-entries"]
    assert outbox.resend(first.event.event_id, NOW)
    assert outbox.list(dead=True, limit=9) == []
    assert outbox.claim(NOW, LATER, LIMIT) is None  # still claimed
    again = claimed(outbox, LATER, LATER + timedelta(minutes=1))
    assert kinds(again) == ["announced", "first-entries"]
    assert again.events[0] == WaitingEvent(first.event)
    assert again.failing_since is None


def test_a_dead_letter_is_sent_again_although_nothing_else_waits(
    outbox: EventOutbox, announce: Callable[..., Dataset]
) -> None:
    announced(announce)
    claim = claimed(outbox)
    outbox.bury(claim, dead(claim.events[0]), NOW, LATER)
    outbox.release(claim, NOW)
    assert outbox.claim(LATER, LATER, LIMIT) is None
    assert outbox.resend(claim.events[0].event.event_id, NOW)
    assert len(drain(outbox)) == 1


def test_a_dead_letter_is_discarded_on_request_and_nothing_else_is(
    outbox: EventOutbox, announce: Callable[..., Dataset]
) -> None:
    announced(announce)
    claim = claimed(outbox)
    (waiting,) = claim.events
    assert not outbox.discard(waiting.event.event_id)
    outbox.bury(claim, dead(waiting), NOW, LATER)
    outbox.release(claim, NOW)
    assert outbox.discard(waiting.event.event_id)
    assert not outbox.discard(waiting.event.event_id)
    assert outbox.backlog() == Backlog(0, 0)


def test_what_is_postponed_is_sent_at_once_on_request(
    outbox: EventOutbox, announce: Callable[..., Dataset]
) -> None:
    announced(announce)
    claim = claimed(outbox)
    outbox.postpone(claim, claim.events[0], NOW, NOW + timedelta(hours=1))
    assert outbox.resend(claim.events[0].event.event_id, LATER)
    assert kinds(claimed(outbox, LATER)) == ["announced"]


@pytest.mark.parametrize("event_id", ["none", "", "a/b", "\ud800", "__x__"])
def test_an_unknown_event_is_neither_sent_again_nor_discarded(outbox: EventOutbox, event_id: str) -> None:
    assert not outbox.resend(event_id, NOW)
    assert not outbox.discard(event_id)


def test_a_list_has_no_more_events_than_were_asked_for(
    outbox: EventOutbox, announce: Callable[..., Dataset]
) -> None:
    for _ in range(3):
        announced(announce)
    assert len(outbox.list(dead=False, limit=2)) == 2


def test_the_oldest_of_what_waits_is_known(outbox: EventOutbox, announce: Callable[..., Dataset]) -> None:
    announced(announce)
    announced(announce, created_at=NOW - timedelta(days=2))
    assert outbox.backlog() == Backlog(2, 0, NOW - timedelta(days=2))
    drain(outbox)
    assert outbox.backlog() == Backlog(0, 0)


def test_of_a_removed_data_set_ids_and_times_stay_until_they_are_delivered(
    datasets: DatasetRepository, outbox: EventOutbox, announce: Callable[..., Dataset]
) -> None:
    dataset = announced(announce, name="line 4")
    claim = claimed(outbox)
    outbox.bury(claim, dead(claim.events[0]), NOW, LATER)
    outbox.release(claim, NOW)
    uploading = changed(datasets, dataset, EventKind.FIRST_ENTRIES, "secret")
    held = claimed(outbox)  # it is being delivered while the data set goes
    datasets.save(uploading.after(Action.DELETE, LATER))
    datasets.remove(dataset.dataset_id)
    outbox.postpone(held, WaitingEvent(held.events[0].event, 1, "answered 500"), NOW, NOW)
    (buried,) = outbox.list(dead=True, limit=9)
    assert (buried.event.kind, buried.event.details) == ("announced", None)
    left = [waiting.event for waiting in drain(outbox)]
    assert [(event.kind, event.at, event.details) for event in left] == [
        ("first-entries", NOW, None),
        ("deleted", LATER, None),
    ]
    assert {(event.dataset_id, event.owner) for event in left} == {(dataset.dataset_id, dataset.owner)}


def test_a_data_set_that_is_removed_twice_is_told_of_once(
    datasets: DatasetRepository, outbox: EventOutbox, announce: Callable[..., Dataset]
) -> None:
    dataset = announced(announce)
    datasets.save(dataset.after(Action.DELETE, NOW))
    datasets.remove(dataset.dataset_id)
    datasets.remove(dataset.dataset_id)
    assert [waiting.event.kind for waiting in drain(outbox)] == ["announced", "deleted"]
