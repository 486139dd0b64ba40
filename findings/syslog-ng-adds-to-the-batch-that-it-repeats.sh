#!/usr/bin/env bash
# Package:   syslog-ng-core and syslog-ng-mod-http 3.38.1-5+deb12u1 (Debian 12)
# Behaviour: a batch whose answer was lost is sent again together with what was logged meanwhile, so the repetition has
#            other bytes than the first request, and a server cannot tell it from a new batch by its content.
# Seen:      the first request has one message, its repetition two.
# Guessed:   a batch that is repeated stays as it was, and what comes later is the next batch.
set -euo pipefail
sed -n '2,/^set/s/^# //p' "$0"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# apt-get drops its rights for a download, and then needs to write here.
chmod 755 . && { chown _apt . 2> apt.log || true; }
mkdir -p archives/partial
apt-get install -qq --yes --no-install-recommends --download-only --reinstall -o Dir::Cache::archives="$dir/archives" \
  -o Debug::NoLocking=1 syslog-ng-core=3.38.1-5+deb12u1 syslog-ng-mod-http=3.38.1-5+deb12u1 > apt.log
for package in archives/*.deb; do dpkg -x "$package" .; done
python3 - <<'PY'
import glob, http.server, os, subprocess, sys, threading, time
from pathlib import Path

sizes, first = [], threading.Event()


class LosesTheFirstAnswer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        sizes.append(len(body.split(b"\n")))
        if len(sizes) == 1:
            first.set()
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), LosesTheFirstAnswer)
threading.Thread(target=server.serve_forever, daemon=True).start()
here = Path.cwd()
log = here / "app.log"
log.write_text("")
(here / "conf").write_text(f"""@version: 3.38
source s {{ file("{log}"); }};
destination d {{ http(url("http://127.0.0.1:{server.server_port}/") body("$MESSAGE") delimiter("\\n")
  batch-lines(1000) batch-timeout(200) time-reopen(2)); }};
log {{ source(s); destination(d); }};
""")
module = next(iter(glob.glob(str(here / "usr/lib/syslog-ng/*/libhttp.so"))))
libraries = sorted({str(Path(name).parent) for name in glob.glob(str(here / "**/lib*.so*"), recursive=True)})
process = subprocess.Popen(
    [here / "usr/sbin/syslog-ng", f"--module-path={Path(module).parent}", "--foreground", "--no-caps",
     "-f", here / "conf", "-R", here / "persist", "-p", here / "pid", "-c", here / "ctl"],
    env={**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)},
)
try:
    with log.open("a") as file:
        file.write("Mar  2 06:00:00 gate-4 conveyor: jam\n")
    assert first.wait(30), "nothing was sent"
    with log.open("a") as file:
        file.write("Mar  2 06:00:01 gate-4 conveyor: meanwhile\n")
    deadline = time.monotonic() + 30
    while len(sizes) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
finally:
    process.terminate()
    process.wait()
print(f"messages in the first request and in its repetition: {sizes[:2]}")
sys.exit(0 if sizes[:2] == [1, 2] else "changed: expected [1, 2]")
PY
echo "unchanged"
