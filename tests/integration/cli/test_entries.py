"""`logleap entries` and `export`, and the client's calls behind them, against a real server process."""

import csv
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from logleap.client import ApiError, Client, Incomplete
from logleap.client._api import ARROW, NDJSON

NUMBER = 3_000


def line(second: int, message: str, **fields: Any) -> dict[str, Any]:
    stamp = f"2026-08-01T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
    return {"timestamp": stamp, "message": message, **fields}


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[Client]:
    with Client(url, patience=5) as client:
        yield client


@pytest.fixture(scope="module")
def data_id(client: Client) -> str:
    data_id: str = client.announce()["dataId"]
    for odd in (1, 0):
        entries = [line(2 * n + odd, f'"line"\n{2 * n + odd}', context="c\r\n") for n in range(NUMBER // 2)]
        for _ in client.push(data_id, entries):
            pass
    return data_id


def messages(first: int, end: int) -> list[str]:
    return [f'"line"\n{n}' for n in range(first, end)]


# ---- the client --------------------------------------------------------------------------------------------


def test_entries_come_one_by_one_in_order(client: Client, data_id: str) -> None:
    assert [entry["message"] for entry in client.entries(data_id)] == messages(0, NUMBER)
    part = client.entries(data_id, start="2026-08-01T00:00:10Z", end="2026-08-01T00:01:00Z", contains="5")
    assert [entry["message"] for entry in part] == [text for text in messages(10, 60) if "5" in text]


def test_pages_and_surroundings_are_read(client: Client, data_id: str) -> None:
    page = client.page(data_id, size=10)
    assert [entry["message"] for entry in page["entries"]] == messages(0, 10)
    following = client.page(data_id, size=10, token=page["nextPageToken"])["entries"]
    assert [entry["message"] for entry in following] == messages(10, 20)
    entry = following[3]
    around = client.around(data_id, entry["batchId"], entry["sequence"], before=1, after=2)
    assert [entry["message"] for entry in around] == messages(12, 16)


def test_an_arrow_table_has_all_entries(client: Client, data_id: str) -> None:
    table = client.to_arrow(data_id)
    assert table["message"].to_pylist() == messages(0, NUMBER)
    assert table.schema.field("context").type == pa.string()


def test_a_refusal_is_an_api_error(client: Client) -> None:
    with pytest.raises(ApiError) as refused:
        list(client.entries("nothing"))
    assert refused.value.code == "DATASET_NOT_FOUND"
    with pytest.raises(ApiError, match="no data set 'nothing'"):
        client.to_arrow("nothing")


class Broken(BaseHTTPRequestHandler):
    """Answers streams that break off, or that have too few entries."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        media_type = self.headers["Accept"]
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("X-Entry-Count", "3")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")  # the next request must not meet a connection that is closing
        self.end_headers()
        body = self.arrow() if media_type == ARROW else b'{"message": "a"}\n{"message": "b"}\n'
        self.wfile.write(f"{len(body):x}\r\n".encode() + body + b"\r\n")
        if "complete" in self.path:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def arrow(self) -> bytes:
        sink = pa.BufferOutputStream()
        batch = pa.record_batch({"message": ["a", "b"]})
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        return sink.getvalue().to_pybytes()[:-8]  # cut between two batches: no reader notices

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def broken() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Broken)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("data_id", ["complete", "cut"])
def test_a_stream_with_too_few_entries_is_told_from_a_whole_one(broken: str, data_id: str) -> None:
    with Client(broken, patience=0) as client:
        with pytest.raises(Incomplete, match=r"server said that there are 3|broke off"):
            list(client.entries(data_id))
        with pytest.raises(Incomplete, match=r"server said that there are 3|broke off"):
            client.to_arrow(data_id)


# ---- the commands ------------------------------------------------------------------------------------------


def test_entries_are_printed_a_line_each(logleap: Any, url: str, data_id: str) -> None:
    shown = logleap("entries", data_id, "--from", "2026-08-01T00:00:01Z", "--limit", "2", LOGLEAP_URL=url)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == (
        '2026-08-01T00:00:01.000000Z  "line"\\n1  c\\r\\n\n2026-08-01T00:00:02.000000Z  "line"\\n2  c\\r\\n\n'
    )
    found = logleap("entries", data_id, "--contains", "\n77", "--json", LOGLEAP_URL=url).stdout
    entry = json.loads(found.splitlines()[0])
    place = f"{entry['batchId']}:{entry['sequence']}"
    around = logleap("entries", data_id, "--around", place, "--before", "1", "--after", "0", LOGLEAP_URL=url)
    assert [line.split("n")[2][:2] for line in around.stdout.splitlines()] == ["76", "77"]


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--around", "x"], 2, "must be BATCH:SEQUENCE"),
        (["--around", "b:1", "--follow"], 2, "cannot be combined with --follow"),
        (["--before", "1"], 2, "only for --around"),
        (["--from", "yesterday"], 1, "from is 'yesterday'"),
        (["--around", "b:1"], 1, "no acknowledged entry 1"),
    ],
)
def test_what_is_wrong_is_told(  # noqa: PLR0917
    logleap: Any, url: str, data_id: str, options: list[str], code: int, told: str
) -> None:
    done = logleap("entries", data_id, *options, LOGLEAP_URL=url)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr


def test_entries_end_quietly_where_nobody_reads_on(url: str, data_id: str, command: list[str]) -> None:
    done = subprocess.run(
        [
            "bash",
            "-c",
            f'{" ".join(command)} entries {data_id} --url {url} | head -n 1; echo "${{PIPESTATUS[0]}}"',
        ],
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.decode().splitlines()[1] == "0"
    assert done.stderr == b""


def test_followed_entries_go_on_until_the_training_starts(
    url: str, client: Client, command: list[str]
) -> None:
    data_id: str = client.announce()["dataId"]
    client.append(data_id, [line(1, "one"), line(2, "two")])
    with subprocess.Popen(
        [*command, "entries", data_id, "--url", url, "--follow"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert [process.stdout.readline().split()[1] for _ in range(2)] == ["one", "two"]
        client.append(data_id, [line(2, "two again"), line(3, "three"), line(0, "late")])
        assert [process.stdout.readline().split("  ")[1].strip() for _ in range(2)] == ["two again", "three"]
        client.train(data_id)
        rest, told = process.communicate(timeout=30)
    assert (process.returncode, rest) == (0, "")
    assert "1 entry arrived after later ones had been shown" in told


def read(form: str, file: Path) -> list[str]:
    if form == "ndjson":
        return [json.loads(text)["message"] for text in file.read_text().splitlines()]
    if form == "csv":
        with file.open(newline="") as rows:
            return [row["message"] for row in csv.DictReader(rows)]
    table = pa.ipc.open_stream(file.read_bytes()).read_all() if form == "arrow" else pq.read_table(file)
    found: Any = table["message"].to_pylist()
    return list(found)


@pytest.mark.parametrize("form", ["ndjson", "csv", "arrow", "parquet"])
def test_an_export_is_complete_and_says_how_many_entries_it_has(
    logleap: Any, url: str, data_id: str, form: str, tmp_path: Path
) -> None:
    file = tmp_path / f"entries.{form}"
    file.write_text("an earlier export")
    done = logleap("export", data_id, "--format", form, "-o", str(file), "--json", LOGLEAP_URL=url)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["entries"] == NUMBER
    assert json.loads(done.stdout)["bytes"] == file.stat().st_size
    assert read(form, file) == messages(0, NUMBER)
    part = logleap("export", data_id, "--format", form, "-o", str(file), "--contains", "77", LOGLEAP_URL=url)
    assert f"Wrote {len(read(form, file))} entries" in part.stdout
    assert read(form, file) == [text for text in messages(0, NUMBER) if "77" in text]
    assert os.listdir(tmp_path) == [file.name]  # noqa: PTH208


@pytest.mark.parametrize("data_id", ["complete", "cut"])
def test_an_export_that_is_not_complete_leaves_what_was_there(
    logleap: Any, broken: str, data_id: str, tmp_path: Path
) -> None:
    file = tmp_path / "entries"
    file.write_text("an earlier export")
    for form in ("ndjson", "arrow"):
        asked = ("export", data_id, "--format", form, "-o", str(file), "--patience", "0")
        done = logleap(*asked, LOGLEAP_URL=broken)
        assert done.returncode == 1
        assert "entries" in done.stderr
        assert "Traceback" not in done.stderr
        assert file.read_text() == "an earlier export"
        assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_cannot_be_written_is_told(logleap: Any, url: str, data_id: str, tmp_path: Path) -> None:
    file = tmp_path / "no such folder" / "entries"
    done = logleap("export", data_id, "--format", "csv", "-o", str(file), LOGLEAP_URL=url)
    assert done.returncode == 1
    assert f"{file} cannot be written: No such file or directory." in done.stderr


def test_the_media_types_are_the_servers() -> None:
    from logleap.entrypoints.http.calls import streaming

    assert (NDJSON, ARROW) == (streaming.NDJSON, streaming.ARROW)
