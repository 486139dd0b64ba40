#!/usr/bin/env bash
# Package:   msgspec 0.23.0; compared with pydantic 2.14.4 (PyPI) and Python's datetime.fromisoformat
# Behaviour: a time with more than six digits of a second, as Go and .NET log it, is rounded to the nearest microsecond
#            by msgspec, and cut off by pydantic and Python. The same entry gets two times, and at the end of a year (a
#            day, a file's range) msgspec's lies in the next one.
# Seen:      2026-12-31T23:59:59.9999996Z is 2027-01-01T00:00:00 for msgspec, and still in 2026 for the others.
# Guessed:   all decoders of RFC 3339 for Python cut off what a datetime cannot hold.
set -euo pipefail
sed -n '2,/^set/s/^# //p' "$0"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq msgspec==0.23.0 pydantic==2.14.4
"$dir/venv/bin/python" - <<'PY'
import sys
from datetime import datetime

import msgspec
import pydantic

text = '"2026-12-31T23:59:59.9999996Z"'
seen = {
    "msgspec": msgspec.json.decode(text, type=datetime),
    "pydantic": pydantic.TypeAdapter(datetime).validate_json(text),
    "datetime": datetime.fromisoformat(text.strip('"')),
}
for name, moment in seen.items():
    print(f"{name:9} {moment.isoformat()}")
years = [moment.year for moment in seen.values()]
sys.exit(0 if years == [2027, 2026, 2026] else "changed: the years were 2027, 2026 and 2026")
PY
echo "unchanged"
