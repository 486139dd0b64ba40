#!/usr/bin/env bash
# Package:   httpx 0.28.1, httpx2 2.16.2; compared with requests 2.32.5 (PyPI)
# Behaviour: a response whose gzip body has several members (as log rotators and object stores make by appending) is
#            decoded to the content of the first member; the rest is dropped without an error. RFC 1952, section 2.2,
#            makes the members one file, and requests reads them so.
# Seen:      1 line from httpx and httpx2, 2 lines from requests.
# Guessed:   every client inflates the whole body, or raises.
set -euo pipefail
sed -n '2,/^set/s/^# //p' "$0"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq httpx==0.28.1 httpx2==2.16.2 requests==2.32.5
"$dir/venv/bin/python" - <<'PY'
import gzip
import http.server
import sys
import threading

import httpx
import httpx2
import requests

BODY = gzip.compress(b"conveyor started\n") + gzip.compress(b"jam at gate 4\n")


class Export(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Export)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}/"
seen = {}
for client in (httpx, httpx2, requests):
    seen[client.__name__] = client.get(address).content.count(b"\n")
server.shutdown()
print("lines read of 2:", seen)
sys.exit(0 if seen == {"httpx": 1, "httpx2": 1, "requests": 2} else "changed")
PY
echo "unchanged"
