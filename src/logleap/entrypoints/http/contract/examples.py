"""One story, told in the examples of the OpenAPI document."""

from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]

_DATA_ID = "7d8b0631-2c9e-419a-b895-103261ea9665"
_RUN_ID = "ef86759a-8246-428d-a73f-c781b3f6f927"

ANNOUNCEMENT: Json = {"name": "line 3, maintenance", "labels": {"site": "Cologne"}}

ANNOUNCED: Json = {
    "dataId": _DATA_ID,
    **ANNOUNCEMENT,
    "state": "created",
    "entries": 0,
    "batches": 0,
    "runId": None,
    "archive": None,
    "createdAt": "2026-03-02T06:00:00.011580Z",
    "updatedAt": "2026-03-02T06:00:00.011580Z",
}

FIRST_ENTRY: Json = {"timestamp": "2026-03-02T06:00:00.123+01:00", "message": "conveyor started"}
SECOND_ENTRY: Json = {
    "timestamp": "2026-03-02T06:00:04+01:00",
    "message": "jam at gate 4",
    "context": {"gate": 4},
}

ACKNOWLEDGED: Json = {
    "dataId": _DATA_ID,
    "batchId": "a236259b-e630-4343-a1df-2a6547a9a7a9",
    "accepted": 2,
    "replayed": False,
    "state": "uploading",
}

BAD_ENTRY: Json = {
    "index": 1,
    "field": "timestamp",
    "code": "TIMESTAMP_NO_OFFSET",
    "detail": "timestamp '2026-03-02T06:00:00' names no offset: end it with Z for UTC, or +01:00. "
    "A right one: '2026-03-02T06:00:00.123456Z'.",
}
PARTLY_ACKNOWLEDGED: Json = {**ACKNOWLEDGED, "rejected": 1, "errors": [BAD_ENTRY], "errorsTotal": 1}
CHECKED: Json = {"dataId": _DATA_ID, "accepted": 2, "dryRun": True, "state": "created"}

EXPORT: Json = {
    "resourceLogs": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "line-3"}}]},
            "scopeLogs": [
                {
                    "logRecords": [
                        {
                            "timeUnixNano": "1772427604000000000",
                            "severityText": "WARN",
                            "body": {"stringValue": "jam at gate 4"},
                        }
                    ]
                }
            ],
        }
    ]
}
PARTLY_EXPORTED: Json = {
    "partialSuccess": {
        "rejectedLogRecords": "1",
        "errorMessage": "The first log record that was rejected is number 2 of the export: "
        "it has neither a body nor an eventName.",
    }
}

START: Json = {"task": "count-entries", "parameters": {}, "expectedEntries": 2}

STARTED: Json = {
    "dataId": _DATA_ID,
    "runId": _RUN_ID,
    "task": "count-entries",
    "state": "training",
    "entries": 2,
}

SUCCEEDED: Json = {
    "dataId": _DATA_ID,
    "runId": _RUN_ID,
    "task": "count-entries",
    "parameters": {},
    "state": "succeeded",
    "entries": 2,
    "attempts": 1,
    "createdAt": "2026-03-02T06:01:00.121099Z",
    "startedAt": "2026-03-02T06:01:00.121769Z",
    "finishedAt": "2026-03-02T06:01:00.122043Z",
    "result": {"entries": 2},
}

CANCELLED: Json = {
    "dataId": _DATA_ID,
    "runId": _RUN_ID,
    "task": "count-entries",
    "parameters": {},
    "state": "failed",
    "entries": 2,
    "attempts": 0,
    "createdAt": "2026-03-02T06:01:00.121099Z",
    "startedAt": None,
    "finishedAt": "2026-03-02T06:01:07.500211Z",
    "cancelRequestedAt": "2026-03-02T06:01:07.500211Z",
    "error": {"code": "CANCELLED", "detail": "It was cancelled on request."},
}

RUNS: Json = {"runs": [SUCCEEDED], "nextPageToken": None}

ARTIFACTS: Json = {
    "dataId": _DATA_ID,
    "runId": _RUN_ID,
    "artifacts": [
        {
            "name": "model.bin",
            "mediaType": "application/octet-stream",
            "size": 48_213,
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        }
    ],
}

TRAINED: Json = {
    **ANNOUNCED,
    "state": "trained",
    "entries": 2,
    "batches": 1,
    "runId": _RUN_ID,
    "updatedAt": "2026-03-02T06:01:00.122043Z",
}

PAGE: Json = {"datasets": [TRAINED], "nextPageToken": None}

ENTRIES: Json = {
    "entries": [
        {
            "timestamp": "2026-03-02T05:00:00.123000Z",
            "message": "conveyor started",
            "context": None,
            "batchId": "a236259b-e630-4343-a1df-2a6547a9a7a9",
            "sequence": 0,
        },
        {
            "timestamp": "2026-03-02T05:00:04.000000Z",
            "message": "jam at gate 4",
            "context": '{"gate": 4}',
            "batchId": "a236259b-e630-4343-a1df-2a6547a9a7a9",
            "sequence": 1,
        },
    ],
    "nextPageToken": None,
}

EVENTS: Json = {
    "dataId": _DATA_ID,
    "events": [
        {"at": ANNOUNCED["createdAt"], "kind": "announced", "detail": "Announced."},
        {
            "at": "2026-03-02T06:00:10.402911Z",
            "kind": "first-entries",
            "detail": "First entries came in.",
        },
    ],
}

ARCHIVED: Json = {
    **TRAINED,
    "state": "archived",
    "archive": {
        "url": f"file:///srv/logleap/archive/{_DATA_ID}.parquet",
        "entries": 2,
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    },
    "updatedAt": "2026-03-02T07:30:00.544210Z",
}

REPORT: Json = {
    "dataId": _DATA_ID,
    "state": "uploading",
    "entries": 2,
    "batches": 1,
    "first": "2026-03-02T05:00:00.123000Z",
    "last": "2026-03-02T05:00:04.000000Z",
    "gaps": [
        {"start": "2026-03-02T05:00:00.123000Z", "end": "2026-03-02T05:00:04.000000Z", "seconds": 3.877}
    ],
    "gapsFromSeconds": 1.0,
    "outOfOrder": 0,
    "outOfOrderShare": 0.0,
    "duplicates": 0,
    "duplicatesComplete": True,
    "frequent": [{"text": "conveyor started", "entries": 1}, {"text": "jam at gate 4", "entries": 1}],
    "frequentMissed": 0,
    "largest": [
        {"bytes": 23, "batchId": ACKNOWLEDGED["batchId"], "sequence": 1, "text": "jam at gate 4"},
        {"bytes": 16, "batchId": ACKNOWLEDGED["batchId"], "sequence": 0, "text": "conveyor started"},
    ],
    "spanSeconds": 3600.0,
    "histogram": [{"start": "2026-03-02T05:00:00.000000Z", "entries": 2}],
}

SCORED: list[Json] = [
    {"index": 0, "templateId": "9c1f30d2aa07b5e4", "findings": []},
    {
        "index": 1,
        "templateId": None,
        "findings": [{"kind": "new", "detail": 'No template of the log model matches: "jam at gate <*>".'}],
    },
    {
        "summary": {
            "dataId": _DATA_ID,
            "runId": "ef86759a-8246-428d-a73f-c781b3f6f927",
            "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "entries": 2,
            "matched": 1,
            "invalid": 0,
            "findings": {"new": 1, "value": 0},
            "warnings": [
                {
                    "kind": "new",
                    "templateId": None,
                    "severity": None,
                    "text": "jam at gate <*>",
                    "count": 1,
                    "first": 1,
                    "detail": 'No template of the log model matches: "jam at gate <*>", 1 entry.',
                }
            ],
            "unlisted": 0,
        }
    },
]
