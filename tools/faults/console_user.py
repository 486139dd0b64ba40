"""A client that uses the console's forms, as a browser sends them, while the servers are being attacked."""

import hashlib
import json
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

import httpx2

from tools.faults.cluster import api_key
from tools.faults.history import Answer, History, Operation, message
from tools.faults.workload import TIME, Caller, retries

_PAUSE = 0.1  # seconds between tries
_CERTAIN = (404, 409, 422)  # pages that say that nothing was done, and will not be


class ConsoleUser(Caller):
    """As a Caller, but for a new data set, which the API announces, and for looking at runs.

    A form is sent again, to the next server, until a page answers it; its number makes it the same form.
    """

    def __init__(
        self, owner: str, urls: Sequence[str], history: History, *, patience: float, timeout: float = 10
    ) -> None:
        super().__init__(owner, urls, history, patience=patience, timeout=timeout)
        # One for all servers: they differ in their ports alone, so its cookies go to each.
        self._browser = httpx2.Client(
            timeout=timeout, trust_env=False, headers={"Sec-Fetch-Site": "same-origin"}
        )
        self._asked = 0
        self._token = self._sign_in()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._browser.close()
        super().__exit__(kind, error, trace)

    def append(self, data_id: str, size: int, key: str | None = None) -> Operation:
        """Upload a file with a batch: a new one, or that of `key` again."""
        key = key or f"console-{self.owner}-{random.getrandbits(64)}"
        operation = self.history.begin(Operation("append", self.owner, data_id, key, size))
        lines = (json.dumps({"timestamp": TIME, "message": message(key, at)}) for at in range(size))
        file = ("batch.ndjson", "\n".join(lines).encode())
        self._send(operation, f"/data/{data_id}/upload", {"attempt": _number(key)}, file=file)
        return operation

    def train(self, data_id: str, **parameters: Any) -> Operation:
        """Start a training by a form of its own."""
        number = f"{random.getrandbits(128):032x}"
        operation = self.history.begin(Operation("train", self.owner, data_id, f"console-{number}"))
        fields = {"attempt": number, "task": str(parameters.get("task", ""))}
        answer = self._send(operation, f"/data/{data_id}/train", fields)
        if answer is not None:
            operation.run_id = answer.headers["Location"].rpartition("/")[2]
        return operation

    def archive(self, data_id: str) -> Operation:
        """Archive a data set."""
        operation = self.history.begin(Operation("archive", self.owner, data_id, "console"))
        self._send(operation, f"/data/{data_id}/archive", {})
        return operation

    def delete(self, data_id: str) -> Operation:
        """Delete a data set. To its owner a 404 says that it is gone: an earlier try got through."""
        operation = self.history.begin(Operation("delete", self.owner, data_id, "console"))
        gone = self.history.owns(self.owner, data_id)
        self._send(operation, f"/data/{data_id}/delete", {}, gone=gone)
        return operation

    def _send(
        self,
        operation: Operation,
        path: str,
        fields: Mapping[str, str],
        *,
        file: tuple[str, bytes] | None = None,
        gone: bool = False,
    ) -> httpx2.Response | None:
        """The page that says that it was done; None if it was refused, or is not known."""
        form = {"csrf": self._token, **fields}
        files = {"file": file} if file is not None else None
        answer = self._tried(lambda url: self._browser.post(f"{url}/console{path}", data=form, files=files))
        if answer is not None and answer.status_code in (401, 403):
            raise ValueError(f"the session ended by itself: {answer.status_code}")
        if answer is None or (answer.status_code >= 400 and answer.status_code not in _CERTAIN):
            return None
        done = answer.status_code < 400
        operation.answer = Answer.OK if done or (gone and answer.status_code == 404) else Answer.REFUSED
        return answer if done else None

    def _sign_in(self) -> str:
        """Sign in, and return the token that the session's forms carry."""
        page = self._insisted(lambda url: self._browser.get(f"{url}/console/sign-in"))
        form = {"csrf": _token(page.text), "key": api_key(self.owner)}
        self._insisted(lambda url: self._browser.post(f"{url}/console/sign-in", data=form))
        return _token(self._insisted(lambda url: self._browser.get(f"{url}/console/account")).text)

    def _insisted(self, call: Callable[[str], httpx2.Response]) -> httpx2.Response:
        deadline = time.monotonic() + 60
        while (answer := self._tried(call)) is None or answer.status_code >= 400:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the console did not answer {self.owner} for 60 s")
        return answer

    def _tried(self, call: Callable[[str], httpx2.Response]) -> httpx2.Response | None:
        """The answer of a server; of several in turn, while they fail, and patience lasts."""
        deadline = time.monotonic() + self.patience
        while True:
            self._asked += 1
            try:
                answer = call(self.urls[self._asked % len(self.urls)])
                if answer.status_code < 500:
                    return answer
            except httpx2.TransportError:
                answer = None
            if time.monotonic() > deadline:
                return answer
            retries["calls tried again"] += 1
            time.sleep(_PAUSE)


def console_life(caller: Caller, rng: random.Random, strangers: Sequence[str] = ()) -> str:
    """A data set's whole life in the hands of somebody who uses the console."""
    with ConsoleUser(caller.owner, caller.urls, caller.history, patience=caller.patience) as person:
        return person.whole_life(rng, strangers)


def _number(key: str) -> str:
    """The number of the form that sends the batch of this key."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _token(page: str) -> str:
    found = re.search('name="csrf" value="([^"]*)"', page)
    if found is None:
        raise ValueError(f"the page has no form: {page[:200]!r}")
    return found[1]
