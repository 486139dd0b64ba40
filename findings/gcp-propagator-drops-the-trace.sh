#!/usr/bin/env bash
# Package:   opentelemetry-propagator-gcp 1.15.0 with google-cloud-logging 3.17.0 (PyPI)
# Behaviour: two packages for Google Cloud in one program read X-Cloud-Trace-Context differently. If it names a trace
#            but no span, if the span is 0, or if the trace is in capital hexadecimal digits, the logging handler takes
#            the trace, and the propagator ignores the whole header: the log entries and the spans of one request are
#            in two traces.
# Seen:      of five headers that name the same trace, the handler takes five, the propagator one.
# Guessed:   both take the trace whenever it is named.
set -euo pipefail
sed -n '2,/^set/s/^# //p' "$0"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq opentelemetry-propagator-gcp==1.15.0 google-cloud-logging==3.17.0 flask==3.1.3
"$dir/venv/bin/python" - <<'PY'
import sys

import flask
from google.cloud.logging_v2.handlers._helpers import get_request_data
from opentelemetry import trace
from opentelemetry.propagators.cloud_trace_propagator import CloudTraceFormatPropagator

TRACE = "105445aa7843bc8bf206b12000100000"
headers = (f"{TRACE}/1;o=1", TRACE, f"{TRACE};o=1", f"{TRACE}/0;o=1", f"{TRACE.upper()}/1;o=1")
app = flask.Flask("conveyor")
seen = []
for header in headers:
    with app.test_request_context(headers={"X-Cloud-Trace-Context": header}):
        logged = get_request_data()[1]
    context = CloudTraceFormatPropagator().extract({"x-cloud-trace-context": header})
    span = trace.get_current_span(context).get_span_context()
    taken = ((logged or "").lower() == TRACE, format(span.trace_id, "032x") == TRACE)
    seen.append(taken)
    print(f"{header:42} handler {taken[0]!s:6} propagator {taken[1]}")
sys.exit(0 if seen == [(True, True)] + [(True, False)] * 4 else "changed: other headers are taken than before")
PY
echo "unchanged"
