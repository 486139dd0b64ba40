"""`logleap compare`, `templates`, `model` and `train --baseline`, against a real server process."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from logleap.client import Client
from logleap.entrypoints.cli.printing.changes import describe_changes

Logleap = Callable[..., Any]


@pytest.fixture(scope="module")
def server(serving: Any) -> Any:
    with serving() as process:
        yield process


@pytest.fixture(scope="module")
def sets(server: Any) -> tuple[str, str]:
    """A data set with a log model, and one of the same series with a new error that still takes uploads."""

    def upload(client: Client, *more: str) -> str:
        data_id = str(client.announce("line 4")["dataId"])
        messages = [f"Order {number * 7919 % 100_003} left by gate {number % 4}" for number in range(600)]
        client.append(
            data_id,
            [
                {"timestamp": f"2026-03-02T06:{at // 60:02}:{at % 60:02}Z", "message": message}
                for at, message in enumerate([*messages, *more])
            ],
        )
        return data_id

    with Client(server.url) as client:
        before, after = upload(client), upload(client, "[ERR] Table orders lost its column 7")
        client.train(before, task="log-model")
        assert client.wait(before, timeout=60)["state"] == "succeeded"
    return before, after


def test_compare_is_a_gate_for_a_pipeline(
    logleap: Logleap, server: Any, sets: tuple[str, str], tmp_path: Path
) -> None:
    before, after = sets
    at = {"LOGLEAP_URL": server.url}
    refused = logleap("compare", before, after, **at)
    assert refused.returncode == 1
    assert "still takes uploads" in refused.stderr
    assert "--train" in refused.stderr

    found = logleap("compare", before, after, "--train", **at)
    assert found.returncode == 0, found.stderr
    first, change, entry, *_ = found.stdout.splitlines()
    assert first == "1 change, the most surprising first: 601 entries against 600."
    assert "New error" in change
    place = entry.split()[-1]
    shown = logleap("entries", after, "--around", place, "--before", "0", "--after", "0", **at)
    assert "[ERR] Table orders lost its column 7" in shown.stdout

    failed = logleap("compare", before, after, "--fail-on", "gone,new", "--json", **at)
    assert failed.returncode == 5
    assert [change["kind"] for change in json.loads(failed.stdout)["changes"]] == ["new"]

    known = tmp_path / "known.txt"
    known.write_text("# seen on Monday\n\n*lost its column*\n")
    passed = logleap("compare", before, after, "--fail-on", "new", "--ignore", str(known), **at)
    assert (passed.returncode, passed.stdout) == (0, "No changes: 601 entries against 600.\n")

    with Client(server.url) as client, pytest.raises(Exception, match="has no log model"):
        client.log_model(after)  # the runs of compare leave it as it was


def test_a_log_model_is_shown_and_stored(
    logleap: Logleap, server: Any, sets: tuple[str, str], tmp_path: Path
) -> None:
    at = {"LOGLEAP_URL": server.url}
    listed = logleap("templates", sets[0], **at)
    assert listed.stdout.split()[0] == "600"
    assert listed.stdout.rstrip().endswith("Order <*> left by gate <*>")
    report = logleap("report", sets[0], **at).stdout
    assert "The most frequent of the 1 template of its log model:\n          600  Order <*>" in report
    file = tmp_path / "model.json"
    assert logleap("model", sets[0], "-o", str(file), **at).returncode == 0
    assert json.loads(file.read_bytes())["entries"] == 600
    seeds = tmp_path / "drain.yaml"
    assert logleap("model", sets[0], "-o", str(seeds), "--format", "otel-drain", **at).returncode == 0
    assert seeds.read_text().endswith('    seed_templates:\n      - "Order <*> left by gate <*>"\n')
    nowhere = logleap("model", sets[0], "-o", str(tmp_path / "x" / "y"), "--format", "otel-drain", **at)
    assert (nowhere.returncode, "cannot be written" in nowhere.stderr) == (1, True)


def test_a_log_file_is_scored_and_the_entries_of_a_template_are_printed(
    logleap: Logleap, server: Any, sets: tuple[str, str], tmp_path: Path
) -> None:
    at = {"LOGLEAP_URL": server.url}
    file = tmp_path / "today.log"
    known = [f"2026-03-03 07:00:{at:02} Order {7000 + at} left by gate {at % 4}" for at in range(30)]
    traced = "2026-03-03 07:01:00 [ERR] Table lost\n  at line 7"
    file.write_text("\n".join([*known, traced, "2026-03-03 07:01:01 Order 9 left by gate 9", ""]))
    done = logleap("score", str(file), "--model", sets[0], **at)
    assert done.returncode == 0, done.stderr
    first, new, value, *_ = done.stdout.splitlines()
    assert first == (
        "32 entries of today.log: 31 of known templates, 1 of none, 1 with a value never seen before."
    )
    assert new.split()[:6] == ["1", "from", "line", "31", "new", "error"]
    assert value.split()[:5] == ["1", "from", "line", "33", "value"]
    gate = logleap(
        "score", "-", "--model", sets[0], "--json", "--fail-on", "new", stdin=file.read_bytes(), **at
    )
    assert gate.returncode == 5
    lines = [json.loads(line) for line in gate.stdout.splitlines()]
    assert [line["index"] for line in lines[:-1]] == list(range(32))
    assert lines[-1]["summary"]["findings"] == {"new": 1, "value": 1}
    template = lines[0]["templateId"]
    shown = logleap("entries", sets[0], "--template", template, "--limit", "3", **at)
    assert shown.stdout.count("left by gate") == 3
    refused = logleap("score", str(file), "--model", sets[1], **at)
    assert refused.returncode == 1
    assert "has no log model" in refused.stderr


def test_train_with_a_baseline_tells_the_changes(
    logleap: Logleap, server: Any, sets: tuple[str, str]
) -> None:
    done = logleap("train", sets[1], "--baseline", "previous", "--wait", LOGLEAP_URL=server.url)
    assert done.returncode == 0, done.stderr
    assert "Changes since the baseline: 1." in done.stdout
    assert "New error" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("compare", "a", "b", "--fail-on", "newer"),
        ("compare", "a", "b", "--ignore", "/nowhere"),
        ("train", "a", "--task", "count-entries", "--baseline", "b"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_asked_for(
    logleap: Logleap, arguments: tuple[str, ...]
) -> None:
    assert logleap(*arguments, LOGLEAP_URL="http://127.0.0.1:9").returncode == 2


def test_the_root_cause_view_names_the_changes_by_their_numbers() -> None:
    changes = [{"kind": "new", "sentence": "New \x1b[31m", "examples": []}] * 2
    found = {
        "baseline": {"entries": 1},
        "current": {"entries": 2},
        "changes": changes,
        "beforeFirstError": [1, 0],
    }
    lines = list(describe_changes(found))
    assert lines[-1] == "Until the first error, in the order of time: 2, 1."
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize("before", [1, 60_000], ids=["at once", "in the middle of the answer"])
def test_score_names_the_line_of_an_entry_that_the_server_refuses(
    logleap: Logleap, server: Any, sets: tuple[str, str], before: int
) -> None:
    traced = "2026-03-03 07:00:00 Order 1 left by gate 1\n  at line 7\n"
    large = f"2026-03-03 07:00:01 {'x' * (1 << 20)}\n"
    stdin = (traced * before + large).encode()
    refused = logleap("score", "-", "--model", sets[0], stdin=stdin, LOGLEAP_URL=server.url)
    assert refused.returncode == 1
    assert refused.stderr == (
        f"logleap: standard input, line {2 * before + 1}: the server refuses this entry: it has more than "
        "1048576 bytes. Shorten it, or leave it out.\n"
    )
