"""Entries are read over HTTP: pages, streams in every format, and what is refused."""

import csv
import gzip
import io
import json
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from logleap.domain.keys import ApiKey
from logleap.entrypoints.http.calls import reading, streaming

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
MESSAGES = ["jam at gate 4", 'quote " and\r\nline, "', "é 😀", "\0", " ", "=1+1"]
CONTEXTS: list[Any] = [None, "", {"id": 2**70}, 'say "no"\n', "é"]
STREAMS = [streaming.NDJSON, streaming.CSV, streaming.ARROW, streaming.PARQUET]

Server = Any


@pytest.fixture(scope="module", params=["memory", "local"])
def server(start_server: Any, tmp_path_factory: pytest.TempPathFactory, request: Any) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("data")
    settings = {"backend": request.param, "data_dir": folder, "temporary_limit": 40_000_000, "threads": 4}
    with start_server(with_worker=True, **settings) as running:
        yield running


def entry(second: float, message: str, context: Any = None) -> dict[str, Any]:
    stamp = (NOON + timedelta(seconds=second)).isoformat()
    return {"timestamp": stamp, "message": message, **({} if context is None else {"context": context})}


def some(number: int, first: int = 0) -> list[dict[str, Any]]:
    return [
        entry(n / 2, MESSAGES[n % len(MESSAGES)] + f" {n}", CONTEXTS[n % len(CONTEXTS)])
        for n in range(first, first + number)
    ]


def stored(server: Server, batches: list[list[dict[str, Any]]]) -> tuple[str, list[tuple[Any, ...]]]:
    """A new data set's id, and its entries as they are to be read: in the order of time."""
    data_id = server.announce()
    rows: list[tuple[Any, ...]] = []
    for batch in batches:
        batch_id = server.append(data_id, batch).json()["batchId"]
        for sequence, sent in enumerate(batch):
            context = sent.get("context")
            text = context if context is None or isinstance(context, str) else json.dumps(context)
            moment = datetime.fromisoformat(sent["timestamp"]).isoformat(timespec="microseconds")
            stamp = moment.replace("+00:00", "Z")
            rows.append((stamp, sent["message"], text and without_spaces(text), batch_id, sequence))
    return data_id, sorted(rows, key=lambda row: (*row[:2], row[2] is not None, row[2] or "", *row[3:]))


def values(found: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(found[name] for name in ("timestamp", "message", "context", "batchId", "sequence"))


def without_spaces(text: str) -> str:
    return text.replace(": ", ":")  # JSON contexts are stored as they were sent; clients differ in spaces


def comparable(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [(*row[:2], row[2] and without_spaces(row[2]), *row[3:]) for row in rows]


def read(media_type: str, body: bytes) -> list[tuple[Any, ...]]:
    if media_type == streaming.NDJSON:
        return [values(json.loads(line)) for line in body.splitlines()]
    if media_type == streaming.CSV:
        header, *lines = csv.reader(io.StringIO(body.decode(), newline=""))
        assert header == ["timestamp", "message", "context", "batchId", "sequence"]
        return [(*line[:4], int(line[4])) for line in lines]
    table = (
        pa.ipc.open_stream(body).read_all()
        if media_type == streaming.ARROW
        else pq.read_table(io.BytesIO(body))
    )
    rows = [values(row) for row in table.to_pylist()]
    return [(row[0].isoformat(timespec="microseconds").replace("+00:00", "Z"), *row[1:]) for row in rows]


def get(server: Server, data_id: str, accept: str = "application/json", **query: Any) -> httpx2.Response:
    answer: httpx2.Response = server.http.get(
        f"/data/{data_id}/entries", params=query, headers={"Accept": accept, "Accept-Encoding": "identity"}
    )
    return answer


def pages(server: Server, data_id: str, **query: Any) -> Iterator[list[tuple[Any, ...]]]:
    token = ""
    while token is not None:
        answer = get(server, data_id, pageToken=token, **query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        yield [values(row) for row in page["entries"]]
        token = page["nextPageToken"]


def refused(answer: httpx2.Response, status: int, code: str) -> str:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    return str(answer.json()["detail"])


# ---- every format, in every state --------------------------------------------------------------------------


@pytest.mark.parametrize("media_type", STREAMS)
def test_every_stream_has_exactly_the_acknowledged_entries_in_order(server: Server, media_type: str) -> None:
    data_id, rows = stored(server, [some(40), some(30, 10), some(3, 100)])
    answer = get(server, data_id, media_type)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].partition(";")[0] == media_type
    assert answer.headers["X-Entry-Count"] == "73"
    expected = [(*row[:2], row[2] or "", *row[3:]) for row in rows] if media_type == streaming.CSV else rows
    assert comparable(read(media_type, answer.content)) == expected
    begin = (NOON + timedelta(seconds=6)).isoformat()
    part = get(server, data_id, media_type, **{"from": begin, "contains": "gate 4 3"})
    assert "X-Entry-Count" not in part.headers
    selected = [row for row in rows if "gate 4 3" in row[1]]
    assert [row[1] for row in read(media_type, part.content)] == [row[1] for row in selected]


def test_an_arrow_stream_says_its_number_of_entries_first_and_contexts_are_text(server: Server) -> None:
    data_id, _ = stored(server, [some(30)])
    schema = pa.ipc.open_stream(get(server, data_id, streaming.ARROW).content).schema
    assert schema.metadata == {b"logleap.dataId": data_id.encode(), b"logleap.entries": b"30"}
    assert schema.field("context").type == pa.string()
    assert schema.field("timestamp").type == pa.timestamp("us", tz="UTC")


def test_csv_tells_no_context_from_an_empty_one(server: Server) -> None:
    data_id, _ = stored(server, [[entry(0, "a"), entry(1, "b", "")]])
    lines = get(server, data_id, streaming.CSV).text.splitlines()
    assert lines[1].startswith('2026-08-01T12:00:00.000000Z,"a",,')
    assert lines[2].startswith('2026-08-01T12:00:01.000000Z,"b","",')


def test_entries_are_read_in_every_state_and_a_page_goes_on_in_the_archive(server: Server) -> None:
    data_id, rows = stored(server, [some(20), some(15, 5)])
    first = get(server, data_id, pageSize=7).json()
    server.http.post(f"/train/{data_id}", json={})
    while server.http.get(f"/train/{data_id}").json()["state"] in ("queued", "running"):
        time.sleep(0.02)
    assert server.dataset(data_id)["state"] == "trained"
    assert [values(row) for row in get(server, data_id, pageSize=100).json()["entries"]]
    assert server.http.post(f"/data/{data_id}/archive").status_code == 200
    token = first["nextPageToken"]
    rest = get(server, data_id, pageSize=100, pageToken=token).json()["entries"]
    found = comparable(map(values, first["entries"] + rest))
    assert found == rows
    assert comparable(read(streaming.NDJSON, get(server, data_id, streaming.NDJSON).content)) == rows
    around = get(server, data_id, around=f"{rows[9][3]}:{rows[9][4]}", before=2, after=1).json()
    assert comparable(map(values, around["entries"])) == rows[7:11]


def test_an_empty_data_set_has_an_empty_page_and_complete_streams(server: Server) -> None:
    data_id = server.announce()
    assert get(server, data_id).json() == {"entries": [], "nextPageToken": None}
    for media_type in STREAMS:
        answer = get(server, data_id, media_type)
        assert answer.headers["X-Entry-Count"] == "0"
        assert read(media_type, answer.content) == []


# ---- pages -------------------------------------------------------------------------------------------------


def test_pages_show_each_entry_once_while_others_arrive(server: Server) -> None:
    data_id, rows = stored(server, [some(40), some(40)])
    found: list[tuple[Any, ...]] = []
    for number, page in enumerate(pages(server, data_id, pageSize=9)):
        found += page
        if number in (2, 5):
            server.append(
                data_id, [entry(-5, "too late for these pages"), entry(9_000 + number, "at the end")]
            )
    assert comparable(found[:80]) == rows
    assert [row[1] for row in found[80:]] == ["at the end", "at the end"]


def test_around_an_entry_are_those_before_and_after_it(server: Server) -> None:
    data_id, rows = stored(server, [some(30), some(30)])
    row = rows[20]
    place = f"{row[3]}:{row[4]}"
    assert len(get(server, data_id, around=place).json()["entries"]) == 21
    found = get(server, data_id, around=place, before=0, after=0).json()["entries"]
    assert comparable(map(values, found)) == [row]
    for other in (f"{row[3]}:30", "nobody:0"):
        assert "no acknowledged entry" in refused(get(server, data_id, around=other), 404, "ENTRY_NOT_FOUND")


def test_a_page_has_an_etag_and_a_stream_has_none(server: Server) -> None:
    data_id, _ = stored(server, [some(5)])
    path, answer = f"/data/{data_id}/entries", get(server, data_id)
    again = server.http.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    assert "ETag" not in get(server, data_id, streaming.NDJSON).headers


# ---- what is refused ---------------------------------------------------------------------------------------

BAD_QUERIES: dict[str, tuple[str, str, str]] = {
    "from=2026-08-01T12:00:00": ("QUERY_PARAMETER_INVALID", "from", "no offset"),
    "to=noon": ("QUERY_PARAMETER_INVALID", "to", "RFC 3339"),
    "from=2026-08-01T12:00:00+02:00": ("QUERY_PARAMETER_INVALID", "from", "write + as %2B"),
    "from=2026-08-01T12:00:00Z&to=2026-08-01T12:00:00Z": ("QUERY_PARAMETER_INVALID", "from", "not before to"),
    "contains=": ("QUERY_PARAMETER_INVALID", "contains", "at least one character"),
    "contains=%ff": ("QUERY_PARAMETER_INVALID", "contains", "not UTF-8"),
    "contains=a&contains=b": ("QUERY_PARAMETER_INVALID", "contains", "Send it once"),
    "around=7": ("QUERY_PARAMETER_INVALID", "around", "a colon"),
    "around=b:1&contains=x": ("QUERY_PARAMETER_INVALID", "contains", "cannot be combined with around"),
    "around=b:1&pageSize=2": ("QUERY_PARAMETER_INVALID", "pageSize", "cannot be combined with around"),
    "around=b:1&before=1001": ("QUERY_PARAMETER_INVALID", "before", "0 to 1000"),
    "after=5": ("QUERY_PARAMETER_INVALID", "after", "only for a request with around"),
    "pageSize=ten": ("PAGE_SIZE_INVALID", "pageSize", "whole number"),
    "pageToken=AAAA": ("PAGE_TOKEN_INVALID", "pageToken", "not from this API"),
    "pattern=x": ("QUERY_PARAMETER_UNKNOWN", "pattern", "Its parameters are after, around"),
}


@pytest.mark.parametrize("query", BAD_QUERIES)
def test_a_bad_parameter_is_named_with_the_remedy(server: Server, query: str) -> None:
    data_id = server.announce()
    code, name, remedy = BAD_QUERIES[query]
    detail = refused(server.http.get(f"/data/{data_id}/entries?{query}"), 400, code)
    assert name in detail
    assert remedy in detail
    assert ".." not in detail


def test_a_page_token_that_was_changed_or_is_of_other_entries_is_refused(server: Server) -> None:
    data_id, _ = stored(server, [some(9)])
    other, _ = stored(server, [some(9)])
    token = get(server, data_id, pageSize=4).json()["nextPageToken"]
    assert get(server, data_id, pageSize=2, pageToken=token).status_code == 200
    for change in range(0, len(token), 9):
        wrong = token[:change] + ("A" if token[change] != "A" else "B") + token[change + 1 :]
        refused(get(server, data_id, pageToken=wrong), 400, "PAGE_TOKEN_INVALID")
    refused(get(server, other, pageToken=token), 400, "PAGE_TOKEN_INVALID")
    refused(get(server, data_id, pageToken=token, contains="a"), 400, "PAGE_TOKEN_INVALID")


@pytest.mark.parametrize("query", ["pageSize=5", "pageToken=AAAA", "around=b:1", "around=b:1&before=1"])
def test_a_stream_has_no_pages(server: Server, query: str) -> None:
    path = f"/data/{server.announce()}/entries?{query}"
    answer = server.http.get(path, headers={"Accept": streaming.CSV})
    assert "only for pages" in refused(answer, 400, "QUERY_PARAMETER_INVALID")


def test_what_needs_pyarrow_is_refused_without_it_and_others_are_not(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_id, _ = stored(server, [some(2)])
    monkeypatch.setattr(reading, "find_spec", lambda _: None)
    for media_type in (streaming.ARROW, streaming.PARQUET):
        detail = refused(get(server, data_id, media_type), 406, "NOT_ACCEPTABLE")
        assert "[archive]" in detail
        assert str(Path(reading.__file__).parents[5]) not in detail
    second_choice = f"{streaming.ARROW}, {streaming.NDJSON};q=0.1"
    assert get(server, data_id, second_choice).headers["Content-Type"] == streaming.NDJSON
    refused(get(server, data_id, "text/html"), 406, "NOT_ACCEPTABLE")


def test_another_owners_entries_are_as_unknown_as_those_of_no_data_set(start_server: Any) -> None:
    def key(name: str) -> ApiKey:
        digest = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"  # of "secret"
        return ApiKey(name, name, digest, created_at=NOON)

    with start_server(api_keys=(key("anna"), key("ben"))) as server:
        data_id = server.http.post("/data", headers={"X-API-Key": "anna.secret"}).json()["dataId"]
        own = {"X-API-Key": "anna.secret"}
        server.http.post(f"/data/{data_id}", json=some(3), headers=own)
        token = server.http.get(f"/data/{data_id}/entries?pageSize=1", headers=own).json()["nextPageToken"]
        for accept in ("application/json", *STREAMS):
            for query in (
                ("", f"?pageToken={token}", "?around=b:1") if accept == "application/json" else ("",)
            ):
                answers = []
                for asked in (data_id, "7d8b0631-2c9e-419a-b895-103261ea9665"):
                    headers = {"X-API-Key": "ben.secret", "Accept": accept, "X-Request-Id": "r"}
                    answer = server.http.get(f"/data/{asked}/entries{query}", headers=headers)
                    answers.append((answer.status_code, answer.text.replace(asked, "ID")))
                if "pageToken" not in query:  # which is refused before, for what it says itself
                    assert answers[0] == answers[1]
                    assert answers[0][0] == 404
                else:
                    assert answers[0][0] in (400, 404)
                    assert "gate" not in answers[0][1]


# ---- how streams travel ------------------------------------------------------------------------------------

CODINGS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "zstd": zstd.decompress}


@pytest.mark.parametrize("coding", CODINGS)
def test_a_stream_is_compressed_as_a_whole(server: Server, coding: str) -> None:
    data_id, _ = stored(server, [some(2_000)])
    headers = {"Accept": streaming.NDJSON, "Accept-Encoding": coding}
    with server.http.stream("GET", f"/data/{data_id}/entries", headers=headers) as answer:
        assert answer.headers["Content-Encoding"] == coding
        raw = b"".join(answer.iter_raw())
    assert len(read(streaming.NDJSON, CODINGS[coding](raw))) == 2_000
    assert server.http.get(f"/data/{data_id}/entries", headers=headers).text.count("\n") == 2_000
    parquet = server.http.get(f"/data/{data_id}/entries", headers={**headers, "Accept": streaming.PARQUET})
    assert "Content-Encoding" not in parquet.headers


def raw_request(server: Server, head: str) -> bytes:
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(head.encode())
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def test_http_1_0_gets_a_stream_with_its_length_or_is_told_that_it_does_not_fit(server: Server) -> None:
    data_id, _ = stored(server, [some(50)])
    head = f"GET /data/{data_id}/entries HTTP/1.0\r\nAccept: {streaming.NDJSON}\r\n\r\n"
    headers, _, body = raw_request(server, head).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in headers
    assert body.count(b"\n") == 50
    large, _ = stored(server, [[entry(n, "x" * 900_000) for n in range(10)] for _ in range(5)])
    answer = raw_request(server, head.replace(data_id, large))
    assert b"503 SERVICE UNAVAILABLE" in answer
    assert b"LOGLEAP_TEMPORARY_LIMIT" in answer
    assert b"200 OK" in raw_request(server, head)  # the room was given back


def test_head_is_answered_without_a_body(server: Server) -> None:
    data_id, _ = stored(server, [some(5)])
    for accept in ("application/json", *STREAMS):
        head = f"HEAD /data/{data_id}/entries HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n"
        headers, _, body = raw_request(server, head).partition(b"\r\n\r\n")
        assert headers.startswith(b"HTTP/1.1 200 OK")
        assert body == b""
        assert (b"X-Entry-Count: 5" in headers) == (accept != "application/json")


@pytest.mark.parametrize("media_type", STREAMS)
def test_a_stream_that_breaks_off_is_recognisably_broken(
    server: Server, media_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_id, _ = stored(server, [[entry(n, "x" * 1_000) for n in range(at, at + 3_000)] for at in (0, 3_000)])
    store = server.container.backend().store
    batches = list(server.container.backend().ledger.manifest(data_id).batches)
    select = store.select

    def one_lost(manifest: Any, selection: Any) -> Any:
        for block in select(manifest, selection):
            if block.batch_ids[0] == batches[0]:
                yield block

    monkeypatch.setattr(store, "select", one_lost)
    try:
        answer = get(server, data_id, media_type)
    except httpx2.RemoteProtocolError:
        return  # what is left of the entries was sent, and then the connection was closed
    assert "3000 lost" in refused(answer, 500, "COUNT_MISMATCH")


def test_a_client_that_stops_reading_is_dropped_and_gives_its_place_back(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logleap.entrypoints.http.server.channel.STALL_SECONDS", 1.0)
    long = "x" * 800_000
    data_id, _ = stored(server, [[entry(n, long) for n in range(at, at + 10)] for at in range(0, 70, 10)])
    head = f"GET /data/{data_id}/entries HTTP/1.1\r\nHost: localhost\r\nAccept: {streaming.NDJSON}\r\n\r\n"
    address = urlsplit(server.url)
    stalled = [socket.create_connection((address.hostname, address.port), timeout=20) for _ in range(2)]
    for connection in stalled:
        connection.sendall(head.encode())
        connection.recv(100)
    time.sleep(0.2)
    assert "2 requests that take long" in refused(get(server, data_id, streaming.CSV), 503, "BUSY")
    for _ in range(5):  # other calls have threads
        assert get(server, data_id, pageSize=1).status_code == 200

    def both_have_given_their_places_back() -> bool:
        path, headers = f"/data/{data_id}/entries", {"Accept": streaming.CSV}
        with server.http.stream("GET", path, headers=headers) as one:
            return {one.status_code, get(server, data_id, streaming.CSV).status_code} == {200}

    deadline = time.monotonic() + 20
    while not both_have_given_their_places_back():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    for connection in stalled:
        with closing(connection):
            assert b"\r\n0\r\n\r\n" not in b"".join(iter(lambda: connection.recv(1 << 20), b""))[-100:]  # noqa: B023
