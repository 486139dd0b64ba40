"""`?mapping=NAME` over HTTP."""

import json
from pathlib import Path
from typing import Any

import pytest

from logleap.container import build_container
from logleap.entrypoints.http.app import create_app
from logleap.settings import SettingsError, load_settings

PINO = {"level": 30, "time": 1772431200123, "msg": "jam at gate 4"}
STRICT = {"timestamp": "2026-03-02T06:00:00Z", "message": "jam at gate 4"}
NDJSON = {"Content-Type": "application/x-ndjson"}
_RECORDS = ",".join(
    f'{{"timeUnixNano": "1772431200000000000", "body": {{"stringValue": "{text}"}}}}' for text in "ab"
)
EXPORT = f'{{"resourceLogs": [{{"scopeLogs": [{{"logRecords": [{_RECORDS}]}}]}}]}}'


def test_a_mapping_takes_what_the_strict_form_refuses(server: Any) -> None:
    data_id = server.announce()
    strict = server.http.post(f"/data/{data_id}", json=[PINO])
    assert (strict.status_code, strict.json()["errors"][0]["code"]) == (422, "FIELD_UNKNOWN")
    for body in (PINO, [PINO, PINO], {"entries": [PINO]}):
        assert server.http.post(f"/data/{data_id}?mapping=pino", json=body).status_code == 200
    lines = f"{json.dumps(PINO)}\n" * 3
    answer = server.http.post(f"/data/{data_id}?mapping=pino", content=lines, headers=NDJSON)
    assert answer.json()["accepted"] == 3
    assert server.dataset(data_id)["entries"] == 7


def test_with_a_mapping_every_bad_entry_is_named_too(server: Any) -> None:
    data_id = server.announce()
    bad = {**PINO, "time": "yesterday"}
    answer = server.http.post(f"/data/{data_id}?mapping=pino", json=[PINO, bad])
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["index"], error["field"], error["code"]) == (1, "time", "TIMESTAMP_INVALID")
    answer = server.http.post(f"/data/{data_id}?mapping=pino&partial=true", json=[PINO, bad])
    assert (answer.json()["accepted"], answer.json()["rejected"]) == (1, 1)


@pytest.mark.parametrize(
    ("sent", "mapping", "named"),
    [
        (PINO, "", "?mapping=pino."),
        (
            {"level": "info", "message": "jam", "timestamp": "2026-03-02T06:00:00Z"},
            "",
            "?mapping=winston or ",
        ),
        ({"ts": 1772431200.5, "msg": "jam"}, "pino", "?mapping=zap."),
        ({"@t": "2026-03-02T06:00:00Z", "@mt": "jam"}, "auto", "?mapping=clef."),
        (json.loads(EXPORT), "", "?mapping=otel-file."),
    ],
    ids=["pino", "winston", "zap as pino", "clef as auto", "otlp"],
)
def test_a_refusal_that_a_mapping_would_spare_names_it(
    server: Any, sent: Any, mapping: str, named: str
) -> None:
    data_id = server.announce()
    query = f"?mapping={mapping}" if mapping else ""
    for asked in ({"json": [sent]}, {"content": json.dumps(sent), "headers": NDJSON}):
        (error,) = server.http.post(f"/data/{data_id}{query}", **asked).json()["errors"]
        assert named in error["detail"]
    name = named.removeprefix("?mapping=").partition(" ")[0].rstrip(".")
    assert server.http.post(f"/data/{data_id}?mapping={name}", json=[sent]).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        {**PINO, "time": 1772431200},
        {**STRICT, "timestamp": "2026-03-02T06:00:00"},
        {**PINO, "x": "y" * 20_000},
        7,
    ],
    ids=["seconds", "no offset", "long", "a number"],
)
def test_no_mapping_is_named_that_would_refuse_too_or_was_not_tried(server: Any, sent: Any) -> None:
    (error,) = server.http.post(f"/data/{server.announce()}", json=[sent]).json()["errors"]
    assert "?mapping=" not in error["detail"]


def test_each_line_of_the_collectors_file_holds_several_entries(server: Any) -> None:
    data_id = server.announce()
    bad = EXPORT.replace('"b"', '"\\ud83d"')
    url = f"/data/{data_id}?mapping=otel-file"
    answer = server.http.post(url, content=f"{EXPORT}\n{EXPORT}\n", headers=NDJSON)
    assert answer.json()["accepted"] == 4
    answer = server.http.post(url, content=f'{EXPORT}\n{bad}\n{{"resourceSpans": []}}\n', headers=NDJSON)
    assert [(error["index"], error["line"], error["code"]) for error in answer.json()["errors"]] == [
        (3, 2, "SURROGATE_UNPAIRED"),
        (4, 3, "JSON_MALFORMED"),
    ]
    answer = server.http.post(f"{url}&partial=true", content=f"{bad}\n{EXPORT}", headers=NDJSON)
    assert (answer.json()["accepted"], answer.json()["rejected"]) == (3, 1)
    assert server.http.post(url, json=json.loads(EXPORT)).json()["accepted"] == 2
    assert server.dataset(data_id)["entries"] == 9


def test_exports_in_one_json_body_that_become_too_large_are_refused(start_server: Any) -> None:
    attribute = {"key": "a", "value": {"stringValue": "x" * 10_000}}
    records = json.loads(EXPORT)["resourceLogs"][0]["scopeLogs"][0]["logRecords"] * 50
    export = {
        "resourceLogs": [{"resource": {"attributes": [attribute]}, "scopeLogs": [{"logRecords": records}]}]
    }
    with start_server(json_body_limit=500_000) as server:
        url = f"/data/{server.announce()}?mapping=otel-file"
        assert server.http.post(url, json=[export]).status_code == 200
        refused = server.http.post(url, json=[export] * 10)
        assert (refused.status_code, refused.json()["code"]) == (413, "BODY_TOO_LARGE")
        lines = "\n".join([json.dumps(export)] * 10)
        assert server.http.post(url, content=lines, headers=NDJSON).json()["accepted"] == 1000


def test_a_line_of_the_collectors_file_may_be_longer_than_an_entry(start_server: Any) -> None:
    records = [json.loads(EXPORT)["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]] * 100
    line = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]})
    with start_server(entry_limit=len(line) // 2) as server:
        data_id = server.announce()
        url = f"/data/{data_id}?mapping=otel-file"
        assert server.http.post(url, content=line, headers=NDJSON).json()["accepted"] == 100


def test_an_unknown_mapping_is_refused_with_those_that_there_are(server: Any) -> None:
    for name in ("log4net", "", "PINO"):
        answer = server.http.post(f"/data/{server.announce()}?mapping={name}", json=[PINO])
        assert (answer.status_code, answer.json()["code"]) == (400, "MAPPING_UNKNOWN")
        assert "pino, python-json-logger, rsyslog" in answer.json()["detail"]


def test_a_time_zone_counts_for_times_without_offset_and_before_the_mappings_own(
    start_server: Any, tmp_path: Path
) -> None:
    file = tmp_path / "mappings.toml"
    file.write_text('[gates]\nextends = "bunyan"\nzone = "America/New_York"\n')
    local = {"time": "2026-03-02 06:00:00", "msg": "jam"}
    with start_server(mappings=file) as server:
        data_id = server.announce()
        assert server.http.post(f"/data/{data_id}?mapping=bunyan", json=local).status_code == 422
        for zone in ("Europe/Berlin", "%2B01:00"):
            for mapping in ("bunyan", "gates"):
                url = f"/data/{data_id}?mapping={mapping}&timezone={zone}"
                assert (
                    server.http.post(url, json=[local, PINO | {"time": STRICT["timestamp"]}]).json()[
                        "accepted"
                    ]
                    == 2
                )
        report = server.http.get(f"/data/{data_id}/report").json()
        assert (report["first"], report["last"]) == (
            "2026-03-02T05:00:00.000000Z",
            "2026-03-02T06:00:00.000000Z",
        )


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("timezone=UTC", "which goes with a mapping only"),
        ("timezone=UTC&mapping=otel-file", "which all have an offset"),
        ("timezone=Europe/Bern&mapping=bunyan", "but there is no time zone 'Europe/Bern': give one such as"),
        ("timezone=+01:00&mapping=bunyan", "In a URL, write + as %2B."),
        ("timezone=../passwd&mapping=bunyan", "there is no time zone"),
    ],
)
def test_a_time_zone_that_cannot_be_used_is_refused(server: Any, query: str, why: str) -> None:
    answer = server.http.post(f"/data/{server.announce()}?{query}", json=[STRICT])
    assert (answer.status_code, answer.json()["code"]) == (400, "QUERY_PARAMETER_INVALID")
    assert why in answer.json()["detail"]


def test_a_mapping_of_the_operators_own_is_taken(start_server: Any, tmp_path: Path) -> None:
    file = tmp_path / "mappings.toml"
    file.write_text('[gates]\ntimestamp = ["at"]\nmessage = ["text"]\nepoch = "s"\n')
    with start_server(mappings=file) as server:
        data_id = server.announce()
        sent = [{"at": 1772431200, "text": "jam", "gate": 4}]
        assert server.http.post(f"/data/{data_id}?mapping=gates", json=sent).status_code == 200
        assert server.http.post(f"/data/{data_id}", json=[STRICT]).status_code == 200
        assert server.dataset(data_id)["entries"] == 2


def test_mappings_that_cannot_be_used_stop_the_start_with_one_line(tmp_path: Path) -> None:
    file = tmp_path / "mappings.toml"
    file.write_text('[pino]\ntimestamp = ["t"]\nmessage = ["m"]')
    container = build_container(load_settings({"backend": "memory", "mappings": file}))
    with pytest.raises(SettingsError) as wrong:
        create_app(container)
    assert str(wrong.value) == (
        f"LOGLEAP_MAPPINGS is {str(file)!r}: mapping 'pino' is built in. Choose another name."
    )
