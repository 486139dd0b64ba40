"""The HTTP server that LogLeap uses, with an app that reads the body whole and answers: the least that
receiving costs. Or with a Flask app that counts calls: the least that Flask costs.

    python -m benchmarks.servers.bare PORT [flask]
"""

import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask, Response

from logleap.entrypoints.http.server.server import ServerOptions, listen, serve

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_ANSWER = b'{"dataId":"7d8b0631-2c9e-419a-b895-103261ea9665","accepted":1000,"replayed":false}'
_HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(_ANSWER)))]


def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Answers anything."""
    left = int(environ.get("CONTENT_LENGTH") or 0)
    while left > 0 and (piece := environ["wsgi.input"].read(min(left, 1 << 16))):
        left -= len(piece)
    start_response("200 OK", _HEADERS)
    return [_ANSWER]


def flask_app() -> Flask:
    """A Flask app that counts the calls of each path, of one entry each."""
    counting = Flask("alone")
    calls: Counter[str] = Counter()
    lock = threading.Lock()

    @counting.post("/data/<name>")
    def take(name: str) -> Response:
        with lock:
            calls[name] += 1
        return Response(_ANSWER, content_type="application/json")

    @counting.get("/data/<name>")
    def count(name: str) -> dict[str, int]:
        return {"entries": calls[name]}

    return counting


def main() -> None:
    """Serve until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    options = ServerOptions(threads=8, body_limit=2 << 30, grace=1.0)
    served = flask_app() if "flask" in sys.argv[2:] else app
    serve(served, listen("127.0.0.1", int(sys.argv[1])), options, stop=stop, listening=lambda: None)


if __name__ == "__main__":
    main()
