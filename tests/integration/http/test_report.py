"""The report over HTTP: on data sets in every state, and while uploads go on."""

import threading
from pathlib import Path
from typing import Any

import pytest

SHIFT = [
    {"timestamp": "2026-03-02T06:00:00.5+01:00", "message": "conveyor started"},
    {"timestamp": "2026-03-02T06:00:04+01:00", "message": "jam at gate 4", "context": {"gate": 4}},
    {"timestamp": "2026-03-02T06:00:04+01:00", "message": "jam at gate 4", "context": {"gate": 4}},
    {"timestamp": "2026-03-02T06:00:03+01:00", "message": "jam at gate 4", "context": "é"},
]


def report(server: Any, data_id: str) -> Any:
    answer = server.http.get(f"/data/{data_id}/report")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_report_tells_what_the_entries_are_like(server: Any) -> None:
    data_id = server.announce()
    batch_id = server.append(data_id, SHIFT).json()["batchId"]
    late = {"timestamp": "2026-03-02T07:30:00Z", "message": "conveyor stopped at gate 4"}
    late_id = server.append(data_id, late).json()["batchId"]
    told = report(server, data_id)
    largest = told.pop("largest")
    assert told == {
        "dataId": data_id,
        "state": "uploading",
        "entries": 5,
        "batches": 2,
        "first": "2026-03-02T05:00:00.500000Z",
        "last": "2026-03-02T07:30:00.000000Z",
        "gaps": [
            {
                "start": "2026-03-02T05:00:04.000000Z",
                "end": "2026-03-02T07:30:00.000000Z",
                "seconds": 8996.0,
            },
            {
                "start": "2026-03-02T05:00:00.500000Z",
                "end": "2026-03-02T05:00:03.000000Z",
                "seconds": 2.5,
            },
        ],
        "gapsFromSeconds": 1.0,
        "outOfOrder": 1,
        "outOfOrderShare": 0.2,
        "duplicates": 1,
        "duplicatesComplete": True,
        "frequent": [
            {"text": "jam at gate 4", "entries": 3},
            {"text": "conveyor started", "entries": 1},
            {"text": "conveyor stopped at gate 4", "entries": 1},
        ],
        "frequentMissed": 0,
        "spanSeconds": 3600.0,
        "histogram": [
            {"start": "2026-03-02T05:00:00.000000Z", "entries": 4},
            {"start": "2026-03-02T07:00:00.000000Z", "entries": 1},
        ],
    }
    assert [tuple(entry.values()) for entry in largest] == [
        (26, late_id, 0, "conveyor stopped at gate 4"),
        (23, batch_id, 1, "jam at gate 4"),
        (23, batch_id, 2, "jam at gate 4"),
        (16, batch_id, 0, "conveyor started"),
        (15, batch_id, 3, "jam at gate 4"),
    ]


def test_a_data_set_without_entries_has_a_report_of_zeros(server: Any) -> None:
    told = report(server, server.announce())
    assert (told["state"], told["entries"], told["batches"]) == ("created", 0, 0)
    assert (told["first"], told["last"], told["outOfOrderShare"]) == (None, None, 0.0)
    assert told["gaps"] == told["frequent"] == told["largest"] == told["histogram"] == []


def test_training_and_archiving_change_nothing_but_the_state(server: Any) -> None:
    data_id = server.announce()
    server.append(data_id, SHIFT)
    before = report(server, data_id)
    server.http.post(f"/data/{data_id}/archive")
    assert report(server, data_id) == {**before, "state": "archived"}
    server.http.post(f"/train/{data_id}")
    again = report(server, data_id)
    assert again == {**before, "state": again["state"]}


@pytest.mark.parametrize("backend", ["memory", "local"])
def test_a_report_while_uploads_go_on_is_on_whole_batches(
    start_server: Any, backend: str, tmp_path: Path
) -> None:
    with start_server(backend=backend, data_dir=tmp_path) as server:
        data_id = server.announce()
        server.append(data_id, SHIFT)
        acknowledged = 1
        done = threading.Event()

        def upload() -> None:
            nonlocal acknowledged
            for _ in range(30):
                acknowledged += server.append(data_id, SHIFT).is_success
            done.set()

        uploading = threading.Thread(target=upload)
        uploading.start()
        ended = False
        while not ended:
            ended, least = done.is_set(), acknowledged
            told = report(server, data_id)
            assert told["entries"] == len(SHIFT) * told["batches"]
            assert told["outOfOrder"] == told["batches"] >= least
            assert told["duplicates"] == told["entries"] - 3
        uploading.join()
        assert told["batches"] == acknowledged == 31


def test_entries_or_an_archive_that_are_not_those_acknowledged_are_told(server: Any) -> None:
    data_id = server.announce()
    server.append(data_id, SHIFT)
    archived = server.http.post(f"/data/{data_id}/archive").json()["archive"]
    server.container.backend().archives._files[archived["url"]] += b" "
    refused = server.http.get(f"/data/{data_id}/report")
    assert (refused.status_code, refused.json()["code"]) == (500, "ARCHIVE_DAMAGED")
    assert archived["url"] in refused.json()["detail"]
    lost = server.announce()
    server.append(lost, SHIFT)
    server.container.backend().store.drop(lost)
    refused = server.http.get(f"/data/{lost}/report")
    assert (refused.status_code, refused.json()["code"]) == (500, "COUNT_MISMATCH")


def test_what_is_asked_besides_is_refused(server: Any) -> None:
    refused = server.http.get(f"/data/{server.announce()}/report?top=20")
    assert (refused.status_code, refused.json()["code"]) == (400, "QUERY_PARAMETER_UNKNOWN")
