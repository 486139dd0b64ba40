"""Events to a Pub/Sub topic, on the emulator."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.auth.credentials import Credentials
from google.pubsub_v1 import PubsubMessage, SubscriberClient

from logleap.adapters.gcp.bigquery.tables import SharedTable
from logleap.adapters.gcp.google.credentials import Access
from logleap.adapters.gcp.provisioning import Resources
from logleap.adapters.gcp.provisioning.pubsub import PubSubProvisioning
from logleap.adapters.gcp.pubsub.event_topic import PubSubEventTopic
from logleap.adapters.gcp.queue import QueueNames
from logleap.domain.events import OutgoingEvent
from logleap.ports.events import NotDelivered

EVENT = OutgoingEvent(
    "e0", "d1", "anna", "announced", datetime(2026, 8, 1, 12, tzinfo=UTC), {"detail": "Created."}
)


@pytest.fixture
def topic_path(names: QueueNames) -> str:
    return f"projects/{names.project}/topics/events-{uuid4().hex}"


@pytest.fixture
def topic(topic_path: str, anonymous: Credentials) -> Iterator[PubSubEventTopic]:
    with closing(PubSubEventTopic(topic_path, anonymous, "/logleap")) as opened:
        yield opened


def test_the_setup_makes_the_topic_and_a_subscription_gets_the_events_in_their_order(
    names: QueueNames,
    topic_path: str,
    topic: PubSubEventTopic,
    anonymous: Credentials,
    subscribing: SubscriberClient,
) -> None:
    access = Access(names.project, {"pubsub": anonymous})
    resources = Resources(names, "d", SharedTable(), events_topic=topic_path.rpartition("/")[2])
    with closing(PubSubProvisioning(access, resources)) as provisioning:
        assert "created" in {step.outcome for step in provisioning.setup() if "events-" in step.name}
        assert [found.name for found in provisioning.check() if not found.ok] == []
    subscription = names.subscription_path + "-events"
    subscribing.create_subscription(
        request={"name": subscription, "topic": topic_path, "enable_message_ordering": True}
    )
    for number in range(3):
        topic.deliver(replace(EVENT, event_id=f"e{number}"))
    received: list[PubsubMessage] = []
    while len(received) < 3:
        answer = subscribing.pull(subscription=subscription, max_messages=3, timeout=10)
        received += [one.message for one in answer.received_messages]
        subscribing.acknowledge(
            subscription=subscription, ack_ids=[one.ack_id for one in answer.received_messages]
        )
    assert [json.loads(message.data)["id"] for message in received] == ["e0", "e1", "e2"]
    assert {message.ordering_key for message in received} == {"d1"}
    assert dict(received[0].attributes) == {"content-type": "application/cloudevents+json; charset=UTF-8"}
    assert json.loads(received[0].data)["data"] == {"dataId": "d1", "owner": "anna", "detail": "Created."}


def test_a_topic_that_is_missing_is_named_with_the_command_that_makes_it(
    topic: PubSubEventTopic, topic_path: str
) -> None:
    with pytest.raises(NotDelivered, match=f"no {topic_path}: create it with `logleap gcp setup`"):
        topic.deliver(EVENT)


def test_an_event_that_is_refused_for_good_is_not_delivered(front: Any, topic: PubSubEventTopic) -> None:
    def refuse(request: bytes, context: grpc.ServicerContext) -> bytes:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the topic has a schema")

    front.answers["Publish"] = refuse
    with pytest.raises(NotDelivered, match="Pub/Sub refuses the event"):
        topic.deliver(EVENT)


def test_a_service_that_refuses_is_tried_again(front: Any, topic: PubSubEventTopic) -> None:
    def refuse(request: bytes, context: grpc.ServicerContext) -> bytes:
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "no")

    front.answers["Publish"] = refuse
    with pytest.raises(NotDelivered, match="Pub/Sub refuses the call") as error:
        topic.deliver(EVENT)
    assert not error.value.final
