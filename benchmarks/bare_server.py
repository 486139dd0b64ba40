"""The HTTP server that LogLeap uses, with an app that reads the body whole and answers: the least that
receiving costs.

    python benchmarks/bare_server.py PORT
"""

import signal
import sys
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from logleap.entrypoints.http.server import ServerOptions, listen, serve

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


def main() -> None:
    """Serve until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    options = ServerOptions(threads=8, body_limit=2 << 30, grace=1.0)
    serve(app, listen("127.0.0.1", int(sys.argv[1])), options, stop=stop, listening=lambda: None)


if __name__ == "__main__":
    main()
