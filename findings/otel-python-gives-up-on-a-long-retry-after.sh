#!/usr/bin/env bash
# Package:   opentelemetry-exporter-otlp-proto-http 1.45.2 (PyPI)
# Behaviour: a 503 with a Retry-After that is longer than what remains of the exporter's 10 seconds ends the retries at
#            once: the batch is dropped without a second try, and force_flush() returns True. The same 503 without the
#            header is repeated. So a server that names an honest waiting time loses what it would get by naming none.
# Seen:      Retry-After 1: two requests. 11: one request. None: two requests. force_flush() is True each time.
# Guessed:   a batch that may be retried later stays in the queue, or is retried until the 10 seconds are over.
set -euo pipefail
sed -n '2,/^set/s/^# //p' "$0"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq opentelemetry-exporter-otlp-proto-http==1.45.2 opentelemetry-sdk==1.45.2
"$dir/venv/bin/python" - <<'PY'
import http.server
import sys
import threading

from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor


class BusyOnce(http.server.BaseHTTPRequestHandler):
    requests, wait = 0, None

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        BusyOnce.requests += 1
        busy = BusyOnce.requests == 1
        self.send_response(503 if busy else 200)
        if busy and self.wait:
            self.send_header("Retry-After", self.wait)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), BusyOnce)
threading.Thread(target=server.serve_forever, daemon=True).start()
seen = {}
for BusyOnce.wait in ("1", "11", None):
    BusyOnce.requests = 0
    exporter = OTLPLogExporter(endpoint=f"http://127.0.0.1:{server.server_port}/v1/logs")
    provider = LoggerProvider()
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    provider.get_logger("conveyor").emit(LogRecord(timestamp=1, body="jam at gate 4"))
    flushed = provider.force_flush()
    seen[BusyOnce.wait] = (BusyOnce.requests, flushed)
    print(f"Retry-After {BusyOnce.wait}: {BusyOnce.requests} requests, force_flush() is {flushed}")
    provider.shutdown()
server.shutdown()
sys.exit(0 if seen == {"1": (2, True), "11": (1, True), None: (2, True)} else "changed")
PY
echo "unchanged"
