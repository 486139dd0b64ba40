#!/usr/bin/env bash
# Package:   pyarrow 26.0.1 and polars 2.1.0 (PyPI)
# Behaviour: an Arrow IPC stream that ends between two record batches (a transfer that broke off there) reads as a
#            complete, shorter table, without an error or a warning. The end-of-stream marker is optional in the
#            format, so that nothing tells such a stream from a whole one. A stream that is cut in the middle of a batch
#            is an error.
# Seen:      20 of 30 rows from both readers; both refuse a stream that ends 100 bytes earlier.
# Guessed:   the marker that every writer appends is what a reader waits for.
set -euo pipefail
sed -n '2,/^set/s/^# //p' "$0"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq pyarrow==26.0.1 polars==2.1.0
"$dir/venv/bin/python" - <<'PY'
import io
import sys

import polars
import pyarrow

table = pyarrow.table({"message": [f"entry {n}" for n in range(30)]})
stream, ends = io.BytesIO(), []
with pyarrow.ipc.new_stream(stream, table.schema) as writer:
    for batch in table.to_batches(max_chunksize=10):
        writer.write_batch(batch)
        ends.append(stream.tell())
whole = stream.getvalue()
readers = {
    "pyarrow": lambda data: pyarrow.ipc.open_stream(data).read_all().num_rows,
    "polars": lambda data: polars.read_ipc_stream(io.BytesIO(data)).height,
}


def rows(read, data):
    try:
        return read(data)
    except Exception as error:
        return type(error).__name__


seen = {}
for name, read in readers.items():
    seen[name] = [rows(read, data) for data in (whole, whole[: ends[1]], whole[: ends[1] - 100])]
    print(f"{name}: whole {seen[name][0]}, cut between batches {seen[name][1]}, cut inside one {seen[name][2]}")
sys.exit(0 if all(s[:2] == [30, 20] and isinstance(s[2], str) for s in seen.values()) else "changed")
PY
echo "unchanged"
