"""Events to a Pub/Sub topic."""

from google.api_core import exceptions
from google.auth.credentials import Credentials
from google.pubsub_v1 import PublisherClient, PubsubMessage

from logleap.adapters.gcp.google.clients import Lazy
from logleap.adapters.gcp.google.deadlines import ATTEMPT_SECONDS, RETRY, TOTAL_SECONDS
from logleap.adapters.gcp.google.errors import translated
from logleap.adapters.gcp.queue import publisher
from logleap.codecs.cloud_events import MEDIA_TYPE, to_json
from logleap.domain.events import OutgoingEvent
from logleap.ports.errors import Unavailable
from logleap.ports.events import EventDeliverer, NotDelivered

_ATTRIBUTES = {"content-type": f"{MEDIA_TYPE}; charset=UTF-8"}
"""https://github.com/googleapis/google-cloudevents/blob/main/docs/spec/pubsub.md#32-structured-content-mode"""


class PubSubEventTopic(EventDeliverer):
    """Publishes each event to a topic, the data set's id as the ordering key.

    A subscription with message ordering then receives a data set's events in their order.
    """

    def __init__(self, topic_path: str, credentials: Credentials, source: str) -> None:
        self._topic = topic_path
        self._source = source
        self._client: Lazy[PublisherClient] = Lazy(
            lambda: publisher(credentials),
            lambda client: client.transport.close(),  # type: ignore[no-untyped-call]
        )

    @property
    def longest(self) -> float:
        return TOTAL_SECONDS + ATTEMPT_SECONDS  # no attempt begins after the first

    def deliver(self, event: OutgoingEvent) -> None:
        body = to_json(event, self._source)
        message = PubsubMessage(data=body, attributes=_ATTRIBUTES, ordering_key=event.dataset_id)
        try:
            with translated("Pub/Sub"):
                self._client().publish(
                    topic=self._topic, messages=[message], retry=RETRY, timeout=ATTEMPT_SECONDS
                )
        except exceptions.NotFound as error:
            raise NotDelivered(
                f"Pub/Sub has no {self._topic}: create it with `logleap gcp setup`, "
                "or correct LOGLEAP_EVENTS_TOPIC"
            ) from error
        except Unavailable as error:
            raise NotDelivered(str(error)) from error
        except exceptions.GoogleAPICallError as error:
            raise NotDelivered(f"Pub/Sub refuses the event ({type(error).__name__})") from error
        except ValueError as error:  # of grpc, for a channel that was closed
            raise NotDelivered("the server stops") from error

    def close(self) -> None:
        self._client.close()
