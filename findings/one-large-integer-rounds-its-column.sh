#!/usr/bin/env bash
# Package:   duckdb 2.0.1 and pyarrow 26.0.1; compared with polars 2.1.0 (PyPI)
# Behaviour: if one record of a JSON file has an integer of 2^64 or above (a 20-digit identifier), the readers of DuckDB
#            and pyarrow make the whole column doubles, which rounds the integers above 2^53 of all other records: two
#            different identifiers become equal. No error, no warning. polars chooses a wider integer and is exact.
# Seen:      9007199254740993 reads as 9007199254740992.0, as its neighbour does; polars keeps both.
# Guessed:   the column becomes text or a wider integer (DuckDB has one of 128 bits), or the reader complains.
set -euo pipefail
sed -n '2,/^set/s/^# //p' "$0"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq polars==2.1.0 pyarrow==26.0.1 duckdb==2.0.1
cd "$dir"
"$dir/venv/bin/python" - <<'PY'
import sys

import duckdb
import polars
import pyarrow.json

readers = {
    "duckdb": lambda: [row[0] for row in duckdb.sql("FROM read_json('ids.json')").fetchall()],
    "pyarrow": lambda: pyarrow.json.read_json("ids.json")["id"].to_pylist(),
    "polars": lambda: polars.read_ndjson("ids.json")["id"].to_list(),
}
seen = {}
for ids in ([2**53, 2**53 + 1], [2**53, 2**53 + 1, 2**64]):
    with open("ids.json", "w") as file:
        file.writelines(f'{{"id": {number}}}\n' for number in ids)
    print(f"written {ids}")
    for name, read in readers.items():
        found = read()
        print(f"  {name}: {found}")
        seen[name, len(ids)] = len(set(found[:2]))
expected = {("duckdb", 2): 2, ("pyarrow", 2): 2, ("polars", 2): 2}
expected |= {("duckdb", 3): 1, ("pyarrow", 3): 1, ("polars", 3): 2}
sys.exit(0 if seen == expected else "changed: other identifiers stay apart than before")
PY
echo "unchanged"
