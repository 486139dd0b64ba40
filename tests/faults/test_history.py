"""The checker against histories made by hand: it passes the good ones, and names what is wrong."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tools.faults.history import Answer, DatasetFound, History, Operation, RunFound, message


def history(answer: Answer = Answer.OK, *more: Operation) -> History:
    """Anna announces a data set, sends a batch of three, starts a training; Bert has a data set too."""
    return History().add(
        Operation("announce", "anna", "set", "", answer=Answer.OK),
        Operation("announce", "bert", "other", "", answer=Answer.OK),
        Operation("append", "anna", "set", "b1", 3, answer),
        Operation("append", "bert", "other", "b9", 1, Answer.OK),
        Operation("train", "anna", "set", "t1", answer=Answer.OK, run_id="run"),
        *more,
    )


def reading(*messages: str) -> RunFound:
    return RunFound("anna", "set", "run", 1, 1, True, len(messages), len(messages), messages)


WHOLE = [message("b1", index) for index in range(3)]
GOOD = reading(*WHOLE)


@pytest.mark.parametrize(
    ("answer", "messages"),
    [(Answer.OK, WHOLE), (Answer.UNKNOWN, WHOLE), (Answer.UNKNOWN, []), (Answer.REFUSED, [])],
)
def test_what_was_promised_passes(answer: Answer, messages: Sequence[str]) -> None:
    findings = history(answer).check([reading(*messages)])
    assert findings.kinds == set()
    assert str(findings) == "lost 0, doubled 0, partial 0, phantom 0, foreign 0, runs 0, left 0, events 0"


@pytest.mark.parametrize("there", [0, 1, 2])
def test_an_acknowledged_batch_that_is_not_whole_is_lost(there: int) -> None:
    findings = history().check([reading(*WHOLE[:there])])
    assert findings.kinds == {"lost"}
    assert f"batch 'b1', {there} of 3 entries, though acknowledged" in str(findings)


def test_an_entry_that_comes_twice_is_doubled() -> None:
    findings = history().check([reading(*WHOLE, WHOLE[1])])
    assert findings.kinds == {"doubled"}
    assert "entry 'b1#1' is there 2 times" in str(findings)


@pytest.mark.parametrize("there", [1, 2])
def test_a_batch_without_an_answer_that_is_in_by_halves_is_partial(there: int) -> None:
    assert history(Answer.UNKNOWN).check([reading(*WHOLE[:there])]).kinds == {"partial"}


@pytest.mark.parametrize("messages", [WHOLE, WHOLE[:1]])
def test_an_entry_of_a_refused_batch_is_a_phantom(messages: Sequence[str]) -> None:
    assert history(Answer.REFUSED).check([reading(*messages)]).kinds == {"phantom"}


@pytest.mark.parametrize("text", ["never-sent#0", "b1#3", "b1#x", "without a place"])
def test_an_entry_that_nobody_sent_is_a_phantom(text: str) -> None:
    assert history().check([reading(*WHOLE, text)]).kinds == {"phantom"}


def test_an_entry_of_another_owner_is_foreign() -> None:
    assert history().check([reading(*WHOLE, message("b9", 0))]).kinds == {"foreign"}


def test_an_entry_of_another_data_set_of_the_same_owner_is_foreign() -> None:
    second = Operation("announce", "anna", "set-2", "", answer=Answer.OK)
    batch = Operation("append", "anna", "set-2", "b2", 1, Answer.OK)
    assert history(Answer.OK, second, batch).check([reading(*WHOLE, "b2#0")]).kinds == {"foreign"}


def test_an_owner_who_was_let_into_anothers_data_set_is_foreign() -> None:
    trespass = Operation("append", "bert", "set", "b8", 1, Answer.OK)
    assert "'bert' was let in" in history(Answer.OK, trespass).check([GOOD]).foreign[0]
    assert "foreign" in history(Answer.OK, trespass).check([reading(*WHOLE, "b8#0")]).kinds
    turned_away = replace(trespass, answer=Answer.REFUSED)
    assert history(Answer.OK, turned_away).check([GOOD]).kinds == set()


def test_a_repetition_decides_what_a_call_without_an_answer_left_open() -> None:
    again = Operation("append", "anna", "set", "b1", 3, Answer.OK)
    assert history(Answer.UNKNOWN, again).check([GOOD]).kinds == set()
    assert history(Answer.UNKNOWN, again).check([reading()]).kinds == {"lost"}
    refused = replace(again, answer=Answer.REFUSED)
    assert history(Answer.UNKNOWN, refused).check([GOOD]).kinds == {"phantom"}
    assert history(Answer.REFUSED, replace(again, answer=Answer.UNKNOWN)).check([GOOD]).kinds == set()


def test_a_repetition_that_is_refused_after_the_acknowledgement_counts_as_lost() -> None:
    refused = Operation("append", "anna", "set", "b1", 3, Answer.REFUSED)
    assert history(Answer.OK, refused).check([GOOD]).kinds == {"lost"}


SECOND_RUN = replace(GOOD, run_id="run-2")
AGAIN = Operation("train", "anna", "set", "t1", answer=Answer.OK, run_id="run-2")


@pytest.mark.parametrize(
    ("more", "found", "sentence"),
    [
        ([], [GOOD, SECOND_RUN], "2 runs from 1 starts"),
        ([AGAIN], [GOOD, SECOND_RUN], "start 't1' was answered by runs ['run', 'run-2']"),
        ([replace(AGAIN, key="t2")], [GOOD], "run run-2 of start 't2' is not there"),
        ([replace(AGAIN, answer=Answer.REFUSED)], [GOOD, SECOND_RUN], "2 runs from 1 starts"),
        ([], [replace(GOOD, starts=2)], "started 2 times"),
        ([], [replace(GOOD, ends=2)], "ended 2 times"),
        ([], [replace(GOOD, ends=0)], "ended 0 times"),
        ([], [replace(GOOD, finished=False, ends=0, messages=None, count=None)], "has not ended"),
        ([], [replace(GOOD, count=2)], "started on 3 entries, counted 2, read 3"),
        ([], [replace(GOOD, entries=4)], "started on 4 entries, counted 3, read 3"),
    ],
)
def test_more_than_one_run_a_start_or_not_one_end_a_run_is_told(
    more: Sequence[Operation], found: Sequence[RunFound], sentence: str
) -> None:
    findings = history(Answer.OK, *more).check(found)
    assert findings.kinds == {"runs"}
    assert sentence in str(findings)


def test_two_starts_may_have_two_runs_but_both_must_read_the_same() -> None:
    start = Operation("train", "anna", "set", "t2", answer=Answer.OK, run_id="run-2")
    assert history(Answer.OK, start).check([GOOD, SECOND_RUN]).kinds == set()
    nothing = replace(reading(), run_id="run-2")
    assert "did not all read the same" in str(history(Answer.UNKNOWN, start).check([GOOD, nothing]))


@pytest.mark.parametrize(("error", "kind"), [("2 lost", "lost"), ("1 too many", "doubled")])
def test_a_run_that_failed_on_the_number_of_its_entries_is_told(error: str, kind: str) -> None:
    failed = replace(GOOD, count=None, messages=None, error=f"COUNT_MISMATCH: {error}")
    assert history().check([failed]).kinds == {kind}


def test_a_run_that_failed_for_another_reason_breaks_no_promise() -> None:
    failed = replace(GOOD, count=None, messages=None, error="ATTEMPTS_EXHAUSTED: …")
    assert history().check([failed]).kinds == set()


def test_the_tally_counts_each_batch_once() -> None:
    again = Operation("append", "anna", "set", "b1", 3, Answer.OK)
    tally = history(Answer.UNKNOWN, again).tally()
    assert tally == {
        "batches ok": 2, "entries acknowledged": 4, "starts ok": 1, "data sets": 2,
    }  # fmt: skip


ARCHIVED = Operation("archive", "anna", "set", "a1", answer=Answer.OK)
DELETED = Operation("delete", "anna", "set", "d1", answer=Answer.OK)
WHOLE_SET = DatasetFound("set", there=True, messages=WHOLE)
GONE = DatasetFound("set", there=False)


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ([], WHOLE_SET),
        ([ARCHIVED], replace(WHOLE_SET, archived=True)),
        ([replace(ARCHIVED, answer=Answer.UNKNOWN)], WHOLE_SET),
        ([DELETED], GONE),
        ([replace(DELETED, answer=Answer.UNKNOWN)], GONE),
        ([replace(DELETED, answer=Answer.UNKNOWN)], WHOLE_SET),
        ([DELETED, Operation("append", "anna", "set", "b1", 3, Answer.REFUSED)], GONE),
        ([replace(DELETED, owner="bert", answer=Answer.REFUSED)], WHOLE_SET),
    ],
)
def test_a_data_set_that_is_as_its_owner_was_told_passes(
    more: Sequence[Operation], found: DatasetFound
) -> None:
    findings = history(Answer.OK, *more).check([GOOD] if found.there else [], [found])
    assert findings.kinds == set(), str(findings)


@pytest.mark.parametrize(
    ("more", "found", "kind", "sentence"),
    [
        ([], replace(WHOLE_SET, messages=WHOLE[:2]), "lost", "at the end: batch 'b1', 2 of 3 entries"),
        ([], GONE, "lost", "is gone, and its owner did not delete it"),
        (
            [replace(DELETED, owner="bert", answer=Answer.UNKNOWN)],
            GONE,
            "lost",
            "its owner did not delete it",
        ),
        ([replace(DELETED, answer=Answer.REFUSED)], GONE, "lost", "its owner did not delete it"),
        ([ARCHIVED], WHOLE_SET, "left", "was archived, and has no archive"),
        ([DELETED], WHOLE_SET, "left", "was deleted, and is there"),
        ([DELETED], replace(GONE, remains=["3 rows are left"]), "left", "3 rows are left"),
        ([replace(ARCHIVED, owner="bert")], WHOLE_SET, "foreign", "'bert' was let in"),
        ([replace(DELETED, owner="bert")], WHOLE_SET, "foreign", "'bert' was let in"),
    ],
)
def test_a_data_set_that_is_not_as_its_owner_was_told_is_told(
    more: Sequence[Operation], found: DatasetFound, kind: str, sentence: str
) -> None:
    findings = history(Answer.OK, *more).check([GOOD] if found.there else [], [found])
    assert findings.kinds == {kind}, str(findings)
    assert sentence in str(findings)


def test_the_archive_is_lost_that_a_run_cannot_read() -> None:
    failed = replace(GOOD, count=None, messages=None, error="ARCHIVE_DAMAGED: there is no archive")
    assert history().check([failed]).kinds == {"lost"}
