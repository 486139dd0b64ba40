"""`logleap report`, against a real server process."""

import json
from typing import Any

from logleap.entrypoints.cli.report import describe

ENTRIES = b"""\
{"timestamp": "2026-03-02T06:00:00Z", "message": "conveyor started"}
{"timestamp": "2026-03-02T06:00:04.5Z", "message": "jam\\n\\u001b[31mat gate 4"}
{"timestamp": "2026-03-02T06:00:04Z", "message": "jam\\n\\u001b[31mat gate 4"}
{"timestamp": "2026-03-04T08:00:04Z", "message": "conveyor started"}
{"timestamp": "2026-03-04T08:00:04Z", "message": "conveyor started"}
"""


def test_a_report_is_told_to_people_and_to_scripts(logleap: Any, url: str) -> None:
    pushed = logleap("push", "-", "--format", "ndjson", "--json", stdin=ENTRIES, LOGLEAP_URL=url)
    data_id = json.loads(pushed.stdout)["dataId"]
    told = json.loads(logleap("report", data_id, "--json", LOGLEAP_URL=url).stdout)
    assert (told["entries"], told["outOfOrder"], told["duplicates"]) == (5, 1, 1)
    plain = logleap("report", data_id, LOGLEAP_URL=url)
    assert plain.returncode == 0, plain.stderr
    batch_id = told["largest"][0]["batchId"]
    assert (
        plain.stdout
        == f"""\
{data_id}  uploading
  5 entries in 1 batch
  from 2026-03-02 06:00:00Z to 2026-03-04 08:00:04Z
  1 out of order: earlier than the entry before (20.00%)
  1 exact duplicate
The longest gaps (over 1 s):
    2 days, 2:00:00  from 2026-03-02 06:00:04.5Z to 2026-03-04 08:00:04Z
                4 s  from 2026-03-02 06:00:00Z to 2026-03-02 06:00:04Z
The most frequent messages:
            3  conveyor started
            2  jam\\n\\x1b[31mat gate 4
The largest entries, in bytes:
           18  batch {batch_id}, entry 1: jam\\n\\x1b[31mat gate 4
           18  batch {batch_id}, entry 2: jam\\n\\x1b[31mat gate 4
           16  batch {batch_id}, entry 0: conveyor started
           16  batch {batch_id}, entry 3: conveyor started
           16  batch {batch_id}, entry 4: conveyor started
Entries per hour:
  2026-03-02 06:00            3  {"█" * 40}
  2026-03-04 08:00            2  {"█" * 27}
"""
    )


def test_a_report_on_nothing_is_short(logleap: Any, url: str) -> None:
    assert logleap("report", "nonsense", LOGLEAP_URL=url).returncode == 1
    told = {"dataId": "d", "state": "created", "entries": 0, "batches": 0}
    assert list(describe(told)) == ["d  created", "  0 entries in 0 batches"]


def test_what_is_not_complete_is_said() -> None:
    hours = [
        {"start": f"2026-03-0{day}T{hour:02}:00:00.000000Z", "entries": 1}
        for day in (1, 2, 3)
        for hour in range(24)
    ]
    told = {
        "dataId": "d",
        "state": "trained",
        "entries": 72,
        "batches": 1,
        "first": hours[0]["start"],
        "last": hours[-1]["start"],
        "outOfOrder": 0,
        "outOfOrderShare": 0.0,
        "duplicates": 3,
        "duplicatesComplete": False,
        "gaps": [],
        "gapsFromSeconds": 600.0,
        "frequent": [{"text": "x" * 200 + "…", "entries": 70}],
        "frequentMissed": 2,
        "largest": [],
        "spanSeconds": 86400.0,
        "histogram": hours,
    }
    lines = list(describe(told))
    assert "  at least 3 exact duplicates" in lines
    assert "No gap longer than 0:10:00." in lines
    assert "The most frequent messages (each may have up to 2 more entries):" in lines
    assert f"           70  {'x' * 99}…" in lines
    assert "Entries per 1 day, 0:00:00, the latest 48 of 72 (all: --json):" in lines
    assert len(lines) == lines.index("The largest entries, in bytes:") + 2 + 48
