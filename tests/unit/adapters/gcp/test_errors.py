"""Google's errors become the ports' errors, in time, and say nothing that is not for everybody."""

import time
from collections.abc import Callable
from typing import Any

import pytest
import requests.exceptions
from google.api_core import exceptions as google
from google.auth.exceptions import DefaultCredentialsError, RefreshError, TransportError

from logleap.adapters.gcp.firestore.database import retry_until_known
from logleap.adapters.gcp.google import deadlines as calls
from logleap.adapters.gcp.google.deadlines import Deadline, retrying
from logleap.adapters.gcp.google.errors import translated
from logleap.domain.errors import DatasetEmpty
from logleap.ports.errors import Conflict, Unavailable

SECRET = "projects/p/documents/customer-42"


def made(kind: Any, *more: Any) -> Exception:
    error: Exception = kind(SECRET, *more)
    return error


@pytest.mark.parametrize(
    "error",
    [
        made(google.ServiceUnavailable),
        made(google.DeadlineExceeded),
        made(google.InternalServerError),
        made(google.ResourceExhausted),
        made(google.Aborted),
        made(google.Cancelled),
        made(google.Unknown),
        made(google.RetryError, made(google.ServiceUnavailable)),
        made(google.PermissionDenied),
        made(google.Unauthenticated),
        made(RefreshError),
        made(TransportError),
        made(DefaultCredentialsError),
        requests.exceptions.ConnectionError(SECRET),
        requests.exceptions.ReadTimeout(SECRET),
        TimeoutError(SECRET),
        ConnectionResetError(SECRET),
        ValueError(f"Failed to commit transaction in 5 attempts. {SECRET}"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_service_that_cannot_answer_is_unavailable_and_named(error: Exception) -> None:
    with pytest.raises(Unavailable, match="Firestore") as caught, translated("Firestore"):
        raise error
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        made(google.NotFound),
        made(google.AlreadyExists),
        made(google.FailedPrecondition),
        made(google.InvalidArgument),
        ValueError("something else"),
        KeyError("x"),
        Conflict("x"),
        DatasetEmpty("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_only_the_adapter_can_judge_passes_unchanged(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, translated("Firestore"):
        raise error
    assert caught.value is error


def test_it_serves_as_a_decorator_again_and_again() -> None:
    @translated("Pub/Sub")
    def call(error: Exception | None) -> str:
        if error is not None:
            raise error
        return "done"

    for _ in range(2):
        assert call(None) == "done"
        with pytest.raises(Unavailable):
            call(made(google.ServiceUnavailable))


# ---- the time a call may take ------------------------------------------------------------------------------


def test_a_deadline_leaves_no_request_running_past_its_end() -> None:
    deadline = Deadline(0.2)
    options = deadline.retryable(attempt=60.0)
    assert options["timeout"] <= 0.2 + calls.ATTEMPT_SECONDS
    assert options["retry"] is not None
    assert options["retry"].timeout is not None
    assert options["retry"].timeout <= 0.2


def test_no_request_begins_when_the_deadline_is_spent() -> None:
    deadline = Deadline(0.0)
    for options in (deadline.retryable, deadline.single_attempt):
        with pytest.raises(TimeoutError):
            options()


def test_only_what_may_pass_is_tried_again() -> None:
    seen = []

    def fail(kind: Any) -> None:
        seen.append(kind)
        raise made(kind)

    with pytest.raises(google.InvalidArgument):
        retrying(5.0)(fail)(google.InvalidArgument)
    assert len(seen) == 1
    with pytest.raises(google.RetryError):
        retrying(0.3)(fail)(google.ServiceUnavailable)
    assert len(seen) > 2


# ---- attempts ----------------------------------------------------------------------------------------------


def outcomes(*errors: Exception | None) -> Callable[[Deadline], str]:
    """An attempt that raises these one after another; None is a success."""
    following = iter(errors)

    def attempt(_deadline: Deadline) -> str:
        error = next(following)
        if error is not None:
            raise error
        return "stored"

    return attempt


def test_contention_and_lost_answers_are_attempted_again() -> None:
    contention = made(google.Aborted)
    lost = made(google.DeadlineExceeded)
    changed = made(google.FailedPrecondition)
    assert retry_until_known(outcomes(contention, lost, changed, contention, None)) == "stored"


def test_a_conflict_is_told_at_once() -> None:
    with pytest.raises(Conflict):
        retry_until_known(outcomes(Conflict("another version")))


def test_a_conflict_after_contention_is_sure() -> None:
    with pytest.raises(Conflict):
        retry_until_known(outcomes(made(google.Aborted), Conflict("another version")))


def test_a_conflict_after_a_lost_answer_may_be_with_oneself() -> None:
    with pytest.raises(Unavailable, match="lost"):
        retry_until_known(outcomes(made(google.ServiceUnavailable), Conflict("another version")))


@pytest.mark.parametrize("error", [google.Aborted, google.FailedPrecondition])
def test_endless_contention_ends_as_unavailable_within_the_time(
    error: type[google.GoogleAPICallError],
) -> None:
    def attempt(_deadline: Deadline) -> None:
        raise made(error)

    began = time.monotonic()
    with pytest.raises(Unavailable), translated("Firestore"):
        retry_until_known(attempt)
    assert time.monotonic() - began <= calls.TOTAL_SECONDS + 1
