"""Outgoing events as CloudEvents 1.0 in the JSON format, structured mode.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

import json
from datetime import UTC
from typing import Any

from logleap.domain.events import OutgoingEvent

MEDIA_TYPE = "application/cloudevents+json"

TYPE_PREFIX = "logleap."


def cloud_event(event: OutgoingEvent, source: str) -> dict[str, Any]:
    """The CloudEvent of an event, the same in each attempt until its data set is deleted.

    `source` and `id` together are unique: two installations that send to one receiver need two sources.
    """
    return {
        "specversion": "1.0",
        "id": event.event_id,
        "source": source,
        "type": TYPE_PREFIX + event.kind,
        "subject": event.dataset_id,
        "time": event.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": {"dataId": event.dataset_id, "owner": event.owner, **(event.details or {})},
    }


def to_json(event: OutgoingEvent, source: str) -> bytes:
    """The same, as the body of a message."""
    return json.dumps(cloud_event(event, source), ensure_ascii=False, separators=(",", ":")).encode(
        errors="replace"
    )
