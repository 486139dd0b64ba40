#!/usr/bin/env bash
# Package:   cloudevents 2.2.0 (PyPI)
# Behaviour: an event that was sent without the optional attribute time gets the moment at which it was parsed, so that
#            one message that is delivered twice has two times, neither of them the event's. In binary mode an attribute
#            that is a Boolean is written "True" with a capital; the CloudEvents type system has "true" and "false".
# Seen:      two parses of the same bytes differ in time; ce-retry: True.
# Guessed:   an attribute that was not sent is absent, and values are written in CloudEvents' own form.
set -euo pipefail
sed -n '2,/^set/s/^# //p' "$0"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq cloudevents==2.2.0
"$dir/venv/bin/python" - <<'PY'
import sys
import time

from cloudevents.core.bindings.http import HTTPMessage, from_binary_event, from_structured_event, to_binary_event
from cloudevents.core.v1.event import CloudEvent

required = {"id": "7", "source": "/conveyor", "type": "jam", "specversion": "1.0"}
binary = HTTPMessage({f"ce-{name}": value for name, value in required.items()}, b"{}")
body = b'{"id": "7", "source": "/conveyor", "type": "jam", "specversion": "1.0", "data": {}}'
structured = HTTPMessage({"content-type": "application/cloudevents+json"}, body)
seen = []
for parse, message in ((from_binary_event, binary), (from_structured_event, structured)):
    first = parse(message).get_time()
    time.sleep(0.01)
    second = parse(message).get_time()
    print(f"{parse.__name__}: {first} at first, {second} when delivered again")
    seen.append(None not in (first, second) and first != second)
headers = to_binary_event(CloudEvent({**required, "retry": True}, {})).headers
print(f"ce-retry: {headers['ce-retry']}")
sys.exit(0 if all(seen) and headers["ce-retry"] == "True" else "changed: no time, or a fixed one, or 'true'")
PY
echo "unchanged"
