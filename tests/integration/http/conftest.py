"""A real server on a free port, in a thread of its own, over the memory backend."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from logleap.container import Container, build_container
from logleap.entrypoints.http.server.server import ServerOptions, listen, serve, url_of
from logleap.entrypoints.web import create_web_app
from logleap.entrypoints.worker.worker import make_worker
from logleap.settings import Settings


@dataclass
class Server:
    url: str
    container: Container
    http: httpx2.Client
    stop: threading.Event

    def announce(self, **body: Any) -> str:
        answer = self.http.post("/data", json=body)
        assert answer.status_code == 201, answer.text
        data_id: str = answer.json()["dataId"]
        return data_id

    def append(self, data_id: str, entries: Any, **headers: str) -> httpx2.Response:
        return self.http.post(f"/data/{data_id}", json=entries, headers=headers)

    def dataset(self, data_id: str) -> Any:
        return self.http.get(f"/data/{data_id}").json()


StartServer = Callable[..., contextlib.AbstractContextManager[Server]]


@contextlib.contextmanager
def _running(*, with_worker: bool = False, **settings: Any) -> Iterator[Server]:
    container = build_container(Settings(**{"backend": "memory", "run_lease": 5.0, **settings}))
    stop, ready = threading.Event(), threading.Event()
    listener = listen("127.0.0.1", 0)
    url = url_of(listener)
    options = ServerOptions(threads=4, body_limit=64 << 20, grace=5)
    target = threading.Thread(
        target=serve,
        args=(create_web_app(container), listener, options),
        kwargs={"stop": stop, "listening": ready.set},
    )
    worker = threading.Thread(target=make_worker(container).run, args=(stop,))
    try:
        target.start()
        assert ready.wait(10)
        if with_worker:
            worker.start()
        with httpx2.Client(base_url=url, timeout=30, trust_env=False) as http:
            yield Server(url, container, http, stop)
    finally:
        stop.set()
        target.join(20)
        if with_worker:
            worker.join(20)
    assert not target.is_alive()


@pytest.fixture(scope="session")
def start_server() -> StartServer:
    """Makes servers with settings of their own; a context manager."""
    return _running


@pytest.fixture(scope="session")
def server(start_server: StartServer) -> Iterator[Server]:
    """A server with a worker, shared: tests announce data sets of their own."""
    with start_server(with_worker=True) as running:
        yield running
