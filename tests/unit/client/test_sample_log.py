"""The sample log is what its tool writes, and holds what a demo of LogLeap wants to show."""

import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from logleap.client.logfiles import LogFile
from logleap.client.sample import sample_log


class LogEntry(NamedTuple):
    timestamp: datetime
    message: str
    context: object


ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def entries() -> list[LogEntry]:
    path = sample_log()
    with path.open("rb") as file:
        return [
            LogEntry(datetime.fromisoformat(entry["timestamp"]), entry["message"], entry.get("context"))
            for entry in LogFile(file, name=path.name).entries()
        ]


def level(entry: LogEntry) -> str:
    return entry.message[:5]


def when(entry: LogEntry) -> datetime:
    return entry.timestamp


def test_the_tool_writes_the_sample_byte_for_byte(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "tools.sample_log", tmp_path / "again.log"], cwd=ROOT, check=True)
    assert (tmp_path / "again.log").read_bytes() == sample_log().read_bytes()


def test_it_is_small_and_has_thousands_of_entries_of_five_days(entries: list[LogEntry]) -> None:
    assert sample_log().stat().st_size < 900_000
    assert 5_000 <= len(entries) <= 6_000
    assert len({when(entry).date() for entry in entries}) == 5
    assert [when(entry) for entry in entries] == sorted(map(when, entries))


def test_the_first_entry_is_read_as_its_line_says(entries: list[LogEntry]) -> None:
    assert when(entries[0]) == datetime(2026, 3, 2, 5, 0, 0, 212_000, tzinfo=UTC)
    assert entries[0].message.startswith("[INF] OrderLine.Program: OrderLine 4.7.1 starting")


def test_it_has_all_levels_and_errors_are_rare(entries: list[LogEntry]) -> None:
    levels = Counter(map(level, entries))
    assert set(levels) == {"[DBG]", "[INF]", "[WRN]", "[ERR]", "[FTL]"}
    assert levels["[ERR]"] + levels["[FTL]"] < len(entries) / 50


def test_days_are_busier_than_nights(entries: list[LogEntry]) -> None:
    hours = Counter((when(entry) + timedelta(hours=1)).hour for entry in entries)
    assert hours[8] > 5 * hours[3]


def test_exceptions_are_entries_of_many_lines_with_inner_ones(entries: list[LogEntry]) -> None:
    traces = [entry.message for entry in entries if "\n   at " in entry.message]
    assert len(traces) > 50
    assert any(
        "\n ---> " in trace and "\n   --- End of inner exception stack trace ---" in trace for trace in traces
    )
    assert all(re.search(r" in /build/\w+\.cs:line \d+$", trace) for trace in traces)
    lines = sample_log().read_text(encoding="utf-8").count("\n")
    assert lines == sum(entry.message.count("\n") + 1 for entry in entries)


def test_an_outage_of_minutes_stands_out_and_ends(entries: list[LogEntry]) -> None:
    minutes = Counter(
        when(entry).replace(second=0, microsecond=0) for entry in entries if level(entry) == "[ERR]"
    )
    burst = sorted(minute for minute, errors in minutes.items() if errors >= 5)
    assert timedelta(minutes=7) <= burst[-1] - burst[0] <= timedelta(minutes=9)
    assert any("Database reachable again" in entry.message and when(entry) > burst[-1] for entry in entries)


def test_a_restart_with_changed_configuration_is_followed_by_failing_scanners(
    entries: list[LogEntry],
) -> None:
    changed, restored = (when(entry) for entry in entries if "conveyor.maxSpeed changed" in entry.message)
    assert [entry.message.split()[3] for entry in entries if " starting on " in entry.message] == [
        "4.7.1",
        "4.8.0",
    ]
    fails = [when(entry) for entry in entries if "No read of tote" in entry.message]
    faster = sum(changed < time < restored for time in fails) / (restored - changed).total_seconds()
    before = sum(time < changed for time in fails) / (changed - when(entries[0])).total_seconds()
    assert faster > 3 * before


@pytest.mark.parametrize("text", ["weiß", "Żarówka", "ラベル用紙", "✅", "µm/s", "°C", "Größe"])
def test_it_has_text_beyond_ascii(entries: list[LogEntry], text: str) -> None:
    assert any(text in entry.message for entry in entries)


def test_hosts_are_invented() -> None:
    text = sample_log().read_text(encoding="utf-8")
    hosts = set(re.findall(r"\b[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+\.[a-z]{2,}\b", text))
    assert hosts
    assert all(host.endswith(".plant.example") for host in hosts)
