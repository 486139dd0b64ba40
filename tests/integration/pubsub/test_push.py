"""What becomes of a message that Pub/Sub pushes."""

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dependency_injector import providers
from werkzeug.test import TestResponse

from logleap.domain.entries import Entry
from logleap.domain.runs import Run, RunState, TrainingMessage
from logleap.entrypoints.pubsub.push import create_push_app, verifier_of
from logleap.ports.errors import Unavailable
from logleap.settings import Settings, SettingsError


class Source:
    """Entries as they would come from a request."""

    sha256 = "0" * 64

    def __iter__(self) -> Iterator[Sequence[Entry]]:
        yield [Entry(datetime(2026, 3, 2, tzinfo=UTC), f"entry {number}") for number in range(3)]


@pytest.fixture
def run(site: Any) -> Run:
    """A run on three entries that waits for its message."""
    data_id = site.container.announce_dataset()("anna", None, {}).dataset_id
    site.container.append_entries()("anna", data_id, Source())
    started: Run = site.container.start_training()("anna", data_id)
    return started


@pytest.fixture
def push(site: Any, google: Any) -> Callable[..., TestResponse]:
    """Pushes a message as Pub/Sub does; `message` are further fields."""

    def call(body: bytes, **message: Any) -> TestResponse:
        data = base64.b64encode(body).decode()
        content = {"message": {"data": data, "messageId": "1", **message}, "subscription": "projects/p/s"}
        answer: TestResponse = site.http.post(
            "/pubsub/push", json=content, headers={"Authorization": f"Bearer {google.token()}"}
        )
        return answer

    return call


def test_a_pushed_run_is_carried_out_before_the_answer(site: Any, push: Any, run: Run) -> None:
    answer = push(TrainingMessage.of(run).to_bytes(), attributes={"sender": "logleap"})

    assert (answer.status_code, answer.data) == (204, b"")
    assert site.now(run).result == {"entries": 3}


def test_a_message_pushed_again_changes_nothing(site: Any, push: Any, run: Run) -> None:
    push(TrainingMessage.of(run).to_bytes())
    finished = site.now(run)

    assert push(TrainingMessage.of(run).to_bytes()).status_code == 204
    assert site.now(run) == finished


def test_a_run_in_other_hands_is_to_come_again_when_its_lease_is_over(site: Any, push: Any, run: Run) -> None:
    site.container.backend().runs.save(run.claimed(datetime.now(UTC), timedelta(seconds=500)))

    answer = push(TrainingMessage.of(run).to_bytes())

    assert answer.status_code == 503
    assert 400 < int(answer.headers["Retry-After"]) <= 500
    assert answer.json["code"] == "NOT_YET"
    assert site.now(run).state is RunState.RUNNING
    assert site.buried == []


def test_a_message_that_can_never_be_read_is_buried_with_the_reason_and_not_pushed_again(
    site: Any, push: Any
) -> None:
    assert push(b"\xff not json").status_code == 204
    [(body, reason)] = site.buried
    assert body == b"\xff not json"
    assert reason.startswith("unreadable message: not JSON")


@pytest.mark.parametrize("content", [b"", b"[]", b'{"message": 1}', b"[" * 10_000])
def test_a_request_that_is_no_message_is_buried_as_it_came(site: Any, google: Any, content: bytes) -> None:
    headers = {"Authorization": f"Bearer {google.token()}"}

    assert site.http.post("/pubsub/push", data=content, headers=headers).status_code == 204
    assert [body for body, _ in site.buried] == [content]


def test_a_message_without_wrapping_is_buried_so_that_its_run_fails_visibly(
    site: Any, google: Any, run: Run
) -> None:
    headers = {"Authorization": f"Bearer {google.token()}"}
    site.http.post("/pubsub/push", data=TrainingMessage.of(run).to_bytes(), headers=headers)

    [(body, reason)] = site.buried
    assert "payload unwrapping" in reason
    assert TrainingMessage.from_bytes(body) == TrainingMessage.of(run)


def test_a_message_that_cannot_be_buried_now_comes_again(site: Any, google: Any, verifier: Any) -> None:
    def down(body: bytes, reason: str) -> None:
        raise Unavailable("Pub/Sub is down")

    backend = replace(site.container.backend(), dead_letter=down)
    with site.container.backend.override(providers.Object(backend)):
        http = create_push_app(site.container, verifier).test_client()
    answer = http.post("/pubsub/push", data=b"rubbish", headers={"Authorization": f"Bearer {google.token()}"})
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_sweep_publishes_what_is_overdue(google: Any, make_site: Any) -> None:
    site = make_site(run_patience=0.1)
    data_id = site.container.announce_dataset()("anna", None, {}).dataset_id
    site.container.append_entries()("anna", data_id, Source())
    run = site.container.start_training()("anna", data_id)
    queue = site.container.backend().queue
    queue.receive(5).ack()  # the message is lost
    due = site.now(run).due_at
    while datetime.now(UTC) < due:
        pass

    assert site.http.post("/sweep").status_code == 401
    headers = {"Authorization": f"Bearer {google.token()}"}
    assert site.http.post("/sweep", headers=headers).status_code == 204
    assert queue.receive(5).body == TrainingMessage.of(run).to_bytes()


def test_whoever_runs_it_can_ask_for_its_health_without_a_token(site: Any) -> None:
    assert site.http.get("/healthz").status_code == 200
    assert site.http.get("/readyz").status_code == 200


def test_the_apis_calls_are_not_there(site: Any) -> None:
    assert site.http.post("/data").status_code == 404


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"push_audience": "https://a.example"},
        {"push_service_account": "a@b.example", "push_audience": ""},
    ],
)
def test_without_audience_and_account_it_does_not_start(settings: Any) -> None:
    with pytest.raises(SettingsError, match=r"LOGLEAP_PUSH_AUDIENCE is .*LOGLEAP_PUSH_SERVICE_ACCOUNT is"):
        verifier_of(Settings(**settings))


def test_an_answer_is_a_problem_with_the_senders_request_id(site: Any) -> None:
    answer = site.http.post("/pubsub/push", headers={"X-Request-Id": "r-1"})
    assert json.loads(answer.data)["requestId"] == "r-1"
    assert answer.content_type == "application/problem+json"
