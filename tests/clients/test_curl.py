"""curl: the script of docs/clients/curl.md."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

ENTRIES = [
    {"timestamp": f"2026-03-02T06:00:{number:02}Z", "message": f"jam {number}"} for number in range(20)
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.ndjson").write_text("".join(json.dumps(entry) + "\n" for entry in ENTRIES))
    return tmp_path


def run(bash: str, script: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [bash, "-e", "-u", "-o", "pipefail", "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_script_of_the_page_trains_on_the_file(
    server: Any, bash: str, example: Any, folder: Path
) -> None:
    script = example("curl.md", "bash", {"http://localhost:8080": server.url})
    done = run(bash, script, folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["entries"] == len(ENTRIES)


def test_answers_that_get_lost_count_once(
    server: Any, proxy: Any, bash: str, example: Any, folder: Path
) -> None:
    upload, _, _ = example("curl.md", "bash", {"http://localhost:8080": proxy.url}).partition(
        'curl --silent --show-error -X POST "$URL/train'
    )
    upload = upload.replace("STATUS=", "echo $ID; STATUS=")
    proxy.losing, proxy.of = 2, "/data/"
    done = run(bash, upload, folder)
    assert done.returncode == 0, done.stderr
    data_id = done.stdout.strip()
    assert len(proxy.seen) == 4
    assert [row.message for row in server.trained(data_id)] == [entry["message"] for entry in ENTRIES]


@pytest.mark.parametrize("kind", ["application/x-ndjson", "application/json"])
def test_a_file_without_its_newlines_is_refused_with_the_option_to_use(
    server: Any, bash: str, folder: Path, kind: str
) -> None:
    url = f"{server.url}/data/{server.announce()}"
    done = run(bash, f"curl -sS -d @app.ndjson -H 'Content-Type: {kind}' '{url}'", folder)
    assert "--data-binary" in done.stdout


def test_a_bad_entry_is_named_at_once(server: Any, bash: str, example: Any, folder: Path) -> None:
    with (folder / "app.ndjson").open("a") as file:
        file.write('{"message": "when?"}\n')
    done = run(bash, example("curl.md", "bash", {"http://localhost:8080": server.url}), folder)
    assert done.returncode == 1
    (error,) = json.loads(done.stderr)["errors"]
    assert (error["line"], error["code"]) == (21, "TIMESTAMP_MISSING")
