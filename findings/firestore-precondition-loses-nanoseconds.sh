#!/usr/bin/env bash
# Package:   google-cloud-firestore 2.34.1 (PyPI)
# Behaviour: LastUpdateOption with the DatetimeWithNanoseconds that google-api-core makes for times of Google's services
#            cuts the time to microseconds in the request, although the type holds the nanoseconds, and although the
#            same client sends them whole when the same value is a document's field. As a precondition such a time
#            can never hold. With a protobuf Timestamp the request is right.
# Seen:      nanos 123456789 become 123456000 in the precondition, and stay 123456789 in a field.
# Guessed:   one client treats its own time type alike in both places.
set -euo pipefail
sed -n '2,/^set/s/^# //p' "$0"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq google-cloud-firestore==2.34.1
"$dir/venv/bin/python" - <<'PY'
import sys

from google.api_core.datetime_helpers import DatetimeWithNanoseconds
from google.cloud.firestore_v1 import _helpers, types
from google.protobuf.timestamp_pb2 import Timestamp

sent = Timestamp(seconds=1_772_427_600, nanos=123_456_789)
moment = DatetimeWithNanoseconds.from_timestamp_pb(sent)


def precondition(time):
    write = types.Write()
    _helpers.LastUpdateOption(time).modify_write(write)
    return types.Write.pb(write).current_document.update_time.nanos


field = types.Value.pb(_helpers.encode_value(moment)).timestamp_value.nanos
seen = (moment.nanosecond, field, precondition(moment), precondition(sent))
print("the value %d, in a field %d, in a precondition %d, there as a Timestamp %d" % seen)
sys.exit(0 if seen == (123456789, 123456789, 123456000, 123456789) else "changed")
PY
echo "unchanged"
