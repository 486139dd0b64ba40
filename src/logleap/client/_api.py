"""A client of the HTTP API: create data sets, push in batches that are safe to repeat, train, wait."""

import contextlib
import hashlib
import io
import json
import os
import ssl
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import httpx2
import msgspec
import stamina

from logleap.client import _shapes as shapes
from logleap.client._errors import ApiError, BadAddress, Incomplete, Json, Unreachable
from logleap.client._files import whole_file
from logleap.client._parts import BatchPoster
from logleap.codecs.limits import REQUEST_BYTES
from logleap.extras import needing

if TYPE_CHECKING:
    import pyarrow as pa

NDJSON = "application/x-ndjson"
CSV = "text/csv"
ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
"""The media types of streams of entries."""

_Answered = TypeVar("_Answered")
_IN_MEMORY = 8 << 20  # bytes of entries to be scored: more of them wait in a file
_PIECE = 1 << 18  # bytes


@dataclass(frozen=True, slots=True)
class Pushed:
    """What has been acknowledged so far in this push."""

    entries: int
    batches: int


def tls_context() -> ssl.SSLContext:
    """A context that trusts the certificates that this machine trusts; several clients may share it."""
    return httpx2.create_ssl_context(trust_env=False)


def check_address(url: str, api_key: str | None = None) -> None:
    """Raises BadAddress if no request can be made of these. Its text does not show the key."""
    try:
        address = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise BadAddress(f"Invalid URL {url!r}: {error}. Use one like http://127.0.0.1:8080.") from error
    if address.scheme not in ("http", "https") or not address.host:
        raise BadAddress(f"Invalid URL {url!r}. Use one like http://127.0.0.1:8080.")
    if api_key and not api_key.isascii():
        raise BadAddress("The API key contains non-ASCII characters, so it is not a LogLeap key.")
    if api_key and not api_key.isprintable():
        raise BadAddress(
            "The API key contains a line break or another control character. Remove it: a file's last line "
            "break does not belong to the key."
        )


class Client:
    """Calls the API at `url`. Retries calls that are safe to repeat, each for about `patience` seconds.

    `timeout`: seconds for one attempt. With `patience=0` each call is a single attempt.
    `tls`: for https; by default the client makes one with `tls_context`.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout: float = 60,
        patience: float = 60,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Raises BadAddress."""
        check_address(url, api_key)
        headers = {"X-API-Key": api_key} if api_key else {}
        self._http = httpx2.Client(
            base_url=url, headers=headers, timeout=timeout, verify=tls or tls_context(), trust_env=False
        )
        self._url = url
        self._patience = patience

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exc: object) -> None:
        self._http.close()

    def announce(
        self,
        name: str | None = None,
        labels: Mapping[str, str] | None = None,
        *,
        archive_after: int | None = None,
        delete_after: int | None = None,
    ) -> Json:
        """Create a data set. If the answer is lost and the call is retried, an empty one is left over.

        `archive_after` and `delete_after`: the seconds after which it is archived and deleted by itself.
        """
        body: dict[str, Any] = {"name": name} if name is not None else {}
        if labels:
            body["labels"] = dict(labels)
        kept = {"archiveAfter": archive_after, "deleteAfter": delete_after}
        body |= {field: seconds for field, seconds in kept.items() if seconds is not None}
        return self._call("POST", "/data", shapes.Announced, content=_encode(body))

    def append(self, data_id: str, entries: Sequence[Json], key: str | None = None) -> Json:
        """Post one batch. It is retried with the same Idempotency-Key, so it is added once."""
        return self.append_body(data_id, json_array(list(map(_encode, entries))), key)

    def append_body(self, data_id: str, body: bytes, key: str | None = None) -> Json:
        """Post one batch that is already encoded, as a JSON array of entries."""
        path, key = f"/data/{_segment(data_id)}", key or str(uuid.uuid4())
        return self._call("POST", path, shapes.Appended, content=body, key=key)

    def append_lines(self, data_id: str, body: bytes, key: str) -> Json:
        """Post one batch that is NDJSON already, an entry a line."""
        return self._call(
            "POST",
            f"/data/{_segment(data_id)}",
            shapes.Appended,
            content=body,
            key=key,
            media_type="application/x-ndjson",
        )

    def push(
        self, data_id: str, entries: Iterable[Json], *, batch_size: int = 1000, keys: str | None = None
    ) -> Iterator[Pushed]:
        """Post all entries in batches of at most `batch_size`; yield after each what is acknowledged.

        A batch has at most 1,000,000 bytes. If a proxy takes less, it is sent in parts. `keys` is the prefix
        of the batches' Idempotency-Keys: pushing the same entries again with the same prefix and batch size
        adds nothing, also if a proxy's limit has changed.
        """
        prefix = keys or str(uuid.uuid4())
        done = Pushed(0, 0)
        poster = BatchPoster()
        for batch in _batches(entries, batch_size):
            for _, answer in poster.post(
                len(batch),
                lambda part, batch=batch: json_array(batch[part.start : part.stop]),  # type: ignore[misc]
                lambda _, body, place, batch=done.batches: self.append_body(  # type: ignore[misc]
                    data_id, body, f"{prefix}-{batch}" + (f"-{place}" if place else "")
                ),
            ):
                done = Pushed(done.entries + answer["accepted"], done.batches)
            done = Pushed(done.entries, done.batches + 1)
            yield done

    def train(
        self,
        data_id: str,
        *,
        task: str | None = None,
        parameters: Json | None = None,
        expected_entries: int | None = None,
        time_limit: int | None = None,
    ) -> Json:
        """Start the training. Retries within this call answer the same run.

        The run may take `time_limit` seconds, or else as long as the server allows.
        """
        body = {
            "task": task,
            "parameters": parameters,
            "expectedEntries": expected_entries,
            "timeLimit": time_limit,
        }
        content = _encode({name: value for name, value in body.items() if value is not None})
        path, key = f"/train/{_segment(data_id)}", str(uuid.uuid4())
        return self._call("POST", path, shapes.Started, content=content, key=key)

    def run(self, data_id: str, run_id: str | None = None) -> Json:
        """The latest run, or the one of this id."""
        path = f"/train/{_segment(data_id)}"
        return self._call("GET", path if run_id is None else f"{path}/runs/{_segment(run_id)}", shapes.Run)

    def runs(self, data_id: str) -> Iterator[Json]:
        """All runs of a data set, newest first, page by page."""
        path, token = f"/train/{_segment(data_id)}/runs", None
        while True:
            query = {"pageSize": "200"} | ({"pageToken": token} if token is not None else {})
            page = self._call("GET", path, shapes.RunPage, query=query)
            yield from page["runs"]
            token = page["nextPageToken"]
            if token is None:
                return

    def artifacts(self, data_id: str, run_id: str | None = None) -> Json:
        """The artifacts of this run, or of the latest succeeded one that saved any: `runId`, `artifacts`."""
        query = {} if run_id is None else {"runId": run_id}
        return self._call("GET", f"/train/{_segment(data_id)}/artifacts", shapes.Artifacts, query=query)

    def save_artifact(
        self, data_id: str, name: str, file: str | os.PathLike[str], run_id: str | None = None
    ) -> Json:
        """Store an artifact's bytes in a file, which is there as a whole or not at all. What it is.

        Its size and its SHA-256 are checked. Raises ApiError, Unreachable and OSError.
        """
        found = self.artifacts(data_id, run_id)
        wanted = next((each for each in found["artifacts"] if each["name"] == name), None)
        if wanted is None:
            there = ", ".join(each["name"] for each in found["artifacts"]) or "none"
            detail = f"There is no artifact {name!r}. There are: {there}."
            raise ApiError(404, "ARTIFACT_NOT_FOUND", detail, {})
        path = f"/train/{_segment(data_id)}/artifacts/{_segment(name)}"
        with whole_file(Path(file)) as (_, part):
            self._download(path, {"runId": found["runId"]}, part, wanted)
        return dict(wanted)

    def model_run(self, data_id: str) -> Json:
        """The run whose log model is the data set's current one. Raises ApiError if it has none."""
        for run in self.runs(data_id):
            passed_over = run.get("parameters", {}).get("current") is False
            if (run["task"], run["state"]) == ("log-model", "succeeded") and not passed_over:
                return run
        detail = f"Data set {data_id!r} has no log model. Train it with the task log-model first."
        raise ApiError(409, "MODEL_MISSING", detail, {})

    def log_model(self, data_id: str, run_id: str | None = None) -> Json:
        """The log model of this run, or the current one of the data set. Raises ApiError if it has none."""
        chosen = run_id if run_id is not None else self.model_run(data_id)["runId"]
        return self._artifact(data_id, "log-model.json", chosen, shapes.LogModel)

    def changes(self, data_id: str, run_id: str) -> Json:
        """What a run of the task log-model found to be different from its baseline."""
        return self._artifact(data_id, "changes.json", run_id, shapes.Changes)

    def compare(
        self, before: str, after: str, *, ignore: Sequence[str] = (), timeout: float | None = None
    ) -> Json:
        """Train the data set `after` against the log model of `before`: the run, once it has ended.

        The current log model of `after` stays what it is, but it takes no uploads any more. `ignore`: ids of
        templates, and patterns of their text. Raises TimeoutError after `timeout` seconds.
        """
        parameters = {"baseline": before, "ignore": list(ignore), "current": False}
        run_id = self.train(after, task="log-model", parameters=parameters)["runId"]
        return self.wait(after, timeout=timeout, run_id=run_id)

    def _artifact(self, data_id: str, name: str, run_id: str, shape: Any) -> Json:
        path = f"/train/{_segment(data_id)}/artifacts/{_segment(name)}"
        return self._call("GET", path, shape, query={"runId": run_id})

    def score(self, data_id: str, entries: Iterable[Json]) -> "Scores":
        """Judge entries by the data set's log model: an iterable of what is said of each, nothing is stored.

        The entries are written to a temporary file first, so that the call can be retried until its answer
        begins. Raises ApiError, Unreachable.
        """
        return self.score_lines(data_id, (_encode(entry) + b"\n" for entry in entries))

    def score_lines(self, data_id: str, parts: Iterable[bytes]) -> "Scores":
        """The same of entries that are NDJSON already, in parts of any size."""
        with SpooledTemporaryFile(_IN_MEMORY) as body:
            for part in parts:
                body.write(part)
            length = body.tell()

            def call() -> httpx2.Response:
                body.seek(0)
                return self._opened(
                    self._http.build_request(
                        "POST",
                        f"/score/{_segment(data_id)}",
                        content=iter(lambda: body.read(_PIECE), b""),
                        headers={"Content-Type": NDJSON, "Content-Length": str(length)},
                    )
                )

            return Scores(self._retried(call))

    def cancel(self, data_id: str, run_id: str | None = None) -> Json:
        """Cancel the latest run, or this one. It fails as CANCELLED, within the server's grace time.

        Raises ApiError, with the status 409, if it has ended otherwise.
        """
        content = _encode({} if run_id is None else {"runId": run_id})
        return self._call("POST", f"/train/{_segment(data_id)}/cancel", shapes.Run, content=content)

    def wait(self, data_id: str, *, timeout: float | None = None, run_id: str | None = None) -> Json:
        """The latest run, or the one of this id, once it has ended.

        Raises TimeoutError after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout if timeout is not None else None
        pause = 0.05
        while (run := self.run(data_id, run_id))["state"] in ("queued", "running"):
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"The run is still {run['state']} after {timeout:g} s.")
            time.sleep(pause)
            pause = min(pause * 1.5, 2)
        return run

    def archive(self, data_id: str) -> Json:
        """Archive the data set's entries; repeating it changes nothing."""
        return self._call("POST", f"/data/{_segment(data_id)}/archive", shapes.Archived)

    def delete(self, data_id: str) -> None:
        """Remove the data set with all that belongs to it."""
        self._call("DELETE", f"/data/{_segment(data_id)}", None)

    def dataset(self, data_id: str) -> Json:
        """One data set."""
        return self._call("GET", f"/data/{_segment(data_id)}", shapes.Dataset)

    def events(self, data_id: str) -> Sequence[Json]:
        """A data set's log."""
        events: Sequence[Json] = self._call("GET", f"/data/{_segment(data_id)}/events", shapes.Events)[
            "events"
        ]
        return events

    def report(self, data_id: str) -> Json:
        """A summary of a data set's entries. Each call reads all of them: use a long `timeout`."""
        return self._call("GET", f"/data/{_segment(data_id)}/report", shapes.Report)

    def page(
        self,
        data_id: str,
        *,
        start: str | None = None,
        end: str | None = None,
        contains: str | None = None,
        template: str | None = None,
        size: int = 1000,
        token: str | None = None,
    ) -> Json:
        """A page of entries in the order of time, and the `nextPageToken` of the following one."""
        query = {**_selection(start, end, contains, template), "pageSize": str(size)}
        if token is not None:
            query["pageToken"] = token
        return self._call("GET", _entries_path(data_id), shapes.EntryPage, query=query)

    def around(
        self, data_id: str, batch_id: str, sequence: int, *, before: int = 10, after: int = 10
    ) -> Sequence[Json]:
        """An entry, and so many before and after it in the order of time (at most 1000 each)."""
        query = {"around": f"{batch_id}:{sequence}", "before": str(before), "after": str(after)}
        page = self._call("GET", _entries_path(data_id), shapes.EntryPage, query=query)
        entries: Sequence[Json] = page["entries"]
        return entries

    def entries(
        self,
        data_id: str,
        *,
        start: str | None = None,
        end: str | None = None,
        contains: str | None = None,
        template: str | None = None,
    ) -> Iterator[Json]:
        """The acknowledged entries in the order of time, one by one, in bounded memory.

        `start` (included) and `end` (excluded) are RFC 3339 times; `contains` is text of the message,
        `template` the id of a template of the data set's log model. Raises Incomplete if not all of them
        arrive: the entries so far are right, but are not all.
        """
        with self.export(
            data_id, NDJSON, start=start, end=end, contains=contains, template=template
        ) as export:
            number = 0
            for line in _lines(export.parts):
                number += 1
                entry: Json = msgspec.json.decode(line)
                yield entry
            export.check(number)

    @contextlib.contextmanager
    def export(
        self,
        data_id: str,
        media_type: str,
        *,
        start: str | None = None,
        end: str | None = None,
        contains: str | None = None,
        template: str | None = None,
    ) -> "Iterator[Export]":
        """The selected entries in this media type, as a stream. It is retried until it begins, not after.

        Reading it raises Incomplete where it breaks off.
        """
        request = self._http.build_request(
            "GET",
            _entries_path(data_id),
            headers={"Accept": media_type, "Accept-Encoding": "zstd, gzip"},
            params=_selection(start, end, contains, template),
        )
        response = self._retried(lambda: self._opened(request))
        try:
            if response.headers.get("Content-Type", "").partition(";")[0] != media_type:
                detail = f"HTTP {response.status_code}, but not from LogLeap. Check the URL."
                raise ApiError(response.status_code, "", detail, {})
            yield Export(response)
        finally:
            response.close()

    def to_arrow(
        self,
        data_id: str,
        *,
        start: str | None = None,
        end: str | None = None,
        contains: str | None = None,
        template: str | None = None,
    ) -> "pa.Table":
        """The selected entries as a table of pyarrow, which must be installed. Raises Incomplete.

        It is in memory: pandas, Polars and DuckDB read it without copying it.
        """
        with needing("archive", "Client.to_arrow"):
            import pyarrow as pa
        with self.export(
            data_id, ARROW, start=start, end=end, contains=contains, template=template
        ) as export:
            try:
                table = pa.ipc.open_stream(_Readable(export.parts)).read_all()
            except pa.ArrowInvalid as error:
                raise Incomplete(f"The stream of entries is not complete: {error}") from error
            export.check(table.num_rows)
        return table

    def datasets(self, *, state: str | None = None, name: str | None = None) -> Iterator[Json]:
        """All data sets (in this state, with exactly this name), newest first, page by page."""
        token = None
        while True:
            given = {"state": state, "name": name, "pageToken": token, "pageSize": 200}
            query = {name: str(value) for name, value in given.items() if value is not None}
            page = self._call("GET", "/data", shapes.Page, query=query)
            yield from page["datasets"]
            token = page["nextPageToken"]
            if token is None:
                return

    def _call(
        self,
        method: str,
        path: str,
        shape: Any,
        *,
        content: bytes | None = None,
        key: str | None = None,
        query: Mapping[str, str] | None = None,
        media_type: str = "application/json",
    ) -> Json:
        headers = {"Content-Type": media_type} if content is not None else {}
        if key is not None:
            headers["Idempotency-Key"] = key
        request = self._http.build_request(method, path, content=content, headers=headers, params=query)
        return self._retried(lambda: _answer(self._http.send(request), shape))

    def _opened(self, request: httpx2.Request) -> httpx2.Response:
        """The response, its body still to be read. Raises ApiError."""
        response = self._http.send(request, stream=True)
        if response.status_code != 200:
            try:
                response.read()
                _answer(response, None)
            finally:
                response.close()
        return response

    def _download(self, path: str, query: Mapping[str, str], file: Path, wanted: Json) -> None:
        """An answer's body in a file. Each attempt goes on where the last one broke off."""
        with file.open("wb") as part:
            for attempt in self._attempts():
                with attempt:
                    headers = {"Accept-Encoding": "identity"}
                    if part.tell():
                        headers |= {"Range": f"bytes={part.tell()}-", "If-Range": f'"{wanted["sha256"]}"'}
                    with self._http.stream("GET", path, params=query, headers=headers) as response:
                        if response.status_code not in (200, 206):
                            response.read()
                            _answer(response, None)
                        if response.status_code == 200:
                            part.seek(0)
                            part.truncate()
                        for piece in response.iter_bytes():
                            part.write(piece)
        with file.open("rb") as part:
            sha256 = hashlib.file_digest(part, "sha256").hexdigest()
        if sha256 != wanted["sha256"]:
            detail = f"The bytes of {wanted['name']} are not those that the server announced. Try again."
            raise ApiError(200, "", detail, {})

    def _retried(self, call: Callable[[], _Answered]) -> _Answered:
        for attempt in self._attempts():
            with attempt:
                return call()
        raise AssertionError("stamina ends with an answer or an exception")

    def _attempts(self) -> Iterator[Any]:
        """Attempts at a call, with pauses. Raises Unreachable after the last one."""
        again = stamina.retry_context(
            on=self._again,
            attempts=None if self._patience else 1,
            timeout=self._patience or None,
            wait_initial=0.1,
            wait_max=5,
        )
        try:
            yield from again
        except httpx2.TransportError as error:
            raise Unreachable(f"No answer from {self._url}: {error}") from error

    def _again(self, error: Exception) -> bool | float:
        """Whether to retry, or after how many seconds; False if the wait is longer than `patience`."""
        if isinstance(error, ApiError):
            after = error.retry_after
            return after is not None and after <= self._patience and (after or True)
        return isinstance(error, httpx2.TransportError)


class Scores:
    """What `POST /score` answers: to be iterated once, an object for each entry; then it has the `summary`.

    Iterating raises Incomplete where the answer breaks off, with the reason if the server said one. It is to
    be closed, as a context manager, unless it is iterated to its end.
    """

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self._summary: Json | None = None

    def __enter__(self) -> "Scores":
        return self

    def __exit__(self, *exc: object) -> None:
        self._response.close()

    @property
    def summary(self) -> Json:
        """What all entries came to. Raises Incomplete before the end."""
        if self._summary is None:
            raise Incomplete("The scores have no summary yet: iterate all of them first.")
        return self._summary

    def __iter__(self) -> Iterator[Json]:
        for line in self.lines():
            told: Json = msgspec.json.decode(line)
            if "index" in told:
                yield told

    def lines(self) -> Iterator[bytes]:
        """The lines as they are, the summary's too."""
        problem: Json | None = None
        try:
            for line in _lines(self._response.iter_bytes()):
                if not line.startswith(b'{"index"'):
                    last: Json = msgspec.json.decode(line)
                    self._summary, problem = last.get("summary"), last.get("problem")
                if problem is None:
                    yield line
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            raise _broken_off(problem, str(error)) from error
        finally:
            self._response.close()
        if self._summary is None:
            raise _broken_off(problem, "they ended without their summary.")


def _broken_off(problem: Json | None, otherwise: str) -> Incomplete:
    why = f"{problem['code']}: {problem['detail']}" if problem else otherwise
    return Incomplete(f"The scores broke off: {why}", problem)


class Export:
    """A stream of entries. `entries`: how many it has, if the server said so; `parts`: its bytes."""

    def __init__(self, response: httpx2.Response) -> None:
        said = response.headers.get("X-Entry-Count", "")
        self.entries = int(said) if said.isdigit() else None
        self.parts = self._read(response)

    def check(self, number: int) -> None:
        """Raises Incomplete if `number` is not how many entries there must be."""
        if self.entries is not None and number != self.entries:
            raise Incomplete(f"{number} entries arrived, but the server said that there are {self.entries}.")

    def _read(self, response: httpx2.Response) -> Iterator[bytes]:
        try:
            yield from response.iter_bytes()
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            raise Incomplete(f"The stream of entries broke off: {error}") from error


class _Readable(io.RawIOBase):
    """Parts as a file."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, fewer at the end."""
        found = bytearray()
        while size < 0 or len(found) < size:
            if not self._left:
                part = next(self._parts, None)
                if part is None:
                    break
                self._left = memoryview(part)
            wanted = len(self._left) if size < 0 else size - len(found)
            found += self._left[:wanted]
            self._left = self._left[wanted:]
        return bytes(found)


def _lines(parts: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for part in parts:
        *whole, rest = (rest + part).split(b"\n")
        yield from whole
    if rest:
        raise Incomplete("The stream of entries ended in the middle of an entry.")


def _selection(
    start: str | None, end: str | None, contains: str | None, template: str | None
) -> dict[str, str]:
    given = {"from": start, "to": end, "contains": contains, "template": template}
    return {name: value for name, value in given.items() if value is not None}


def _entries_path(data_id: str) -> str:
    return f"/data/{_segment(data_id)}/entries"


def _answer(response: httpx2.Response, shape: Any) -> Json:
    """The answer, which has that shape; None: it has no content. Raises ApiError."""
    if response.status_code == 204 and shape is None:
        return {}
    try:
        body = response.json()
    except ValueError:
        body = None
    if response.is_success:
        try:
            msgspec.convert(body, shape)
        except msgspec.ValidationError as error:
            detail = f"HTTP {response.status_code}, but not from LogLeap ({error}). Check the URL."
            raise ApiError(response.status_code, "", detail, {}) from None
        found: Json = body
        return found
    problem = body if isinstance(body, dict) else {}
    detail = problem.get("detail") or f"HTTP {response.status_code}, but not from LogLeap. Check the URL."
    if response.status_code == 413 and not problem.get("code"):
        size = response.request.headers.get("Content-Length", "an unknown number of")
        detail = (
            f"HTTP 413: a proxy between here and LogLeap refuses requests with a body of {size} bytes. Raise "
            "its limit (client_max_body_size of nginx, LimitRequestBody of Apache), or send less at once."
        )
    after = None
    if response.status_code in (429, 502, 503, 504):
        said = response.headers.get("Retry-After", "")
        after = float(said) if said.isdigit() else 1.0
    raise ApiError(response.status_code, str(problem.get("code", "")), str(detail), problem, after)


def _batches(entries: Iterable[Json], size: int) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    length = len(json_array([]))
    for entry in entries:
        encoded = _encode(entry)
        if batch and (len(batch) >= size or length + len(encoded) > REQUEST_BYTES):
            yield batch
            batch, length = [], len(json_array([]))
        batch.append(encoded)
        length += len(encoded) + 1
    if batch:
        yield batch


def json_array(items: Sequence[bytes]) -> bytes:
    """Items that are JSON already, as a JSON array."""
    return b"[" + b",".join(items) + b"]"


def _encode(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _segment(data_id: str) -> str:
    if not data_id:  # the path would be that of another call
        raise ApiError(404, "DATASET_NOT_FOUND", "The data set's id is empty.", {})
    return quote(data_id, safe="", errors="surrogateescape")
