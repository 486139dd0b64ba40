#!/usr/bin/env bash
# Package:   polars 2.1.0; compared with pyarrow 26.0.1 and duckdb 2.0.1 (PyPI)
# Behaviour: read_ndjson and scan_ndjson decide the columns from the first 100 lines. A field that first occurs later is
#            dropped from every record, without an error or a warning. pyarrow adds the column; DuckDB refuses the
#            line. Of a log, such a field is what is worth reading: the error that only occurs at the end.
# Seen:      polars has the column message only; pyarrow has message and error; DuckDB raises.
# Guessed:   a reader that meets an unknown field adds a column or complains.
set -euo pipefail
sed -n '2,/^set/s/^# //p' "$0"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq polars==2.1.0 pyarrow==26.0.1 duckdb==2.0.1
cd "$dir"
"$dir/venv/bin/python" - <<'PY'
import json
import sys

import duckdb
import polars
import pyarrow.json

records = [{"message": f"tick {n}"} for n in range(30_000)] + [{"message": "jam", "error": "E42"}]
with open("late.json", "w") as file:
    file.writelines(json.dumps(record) + "\n" for record in records)
readers = {
    "polars.read_ndjson": lambda: polars.read_ndjson("late.json").columns,
    "polars.scan_ndjson": lambda: polars.scan_ndjson("late.json").collect().columns,
    "pyarrow.json": lambda: pyarrow.json.read_json("late.json").column_names,
    "duckdb": lambda: len(duckdb.sql("FROM read_json('late.json')").fetchall()),
}
expected = {
    "polars.read_ndjson": ["message"],
    "polars.scan_ndjson": ["message"],
    "pyarrow.json": ["message", "error"],
    "duckdb": "InvalidInputException",
}
seen = {}
for name, read in readers.items():
    try:
        seen[name] = read()
    except duckdb.Error as error:
        seen[name] = type(error).__name__
    print(f"{name}: {seen[name]}")
sys.exit(0 if seen == expected else "changed: the readers find other columns than before")
PY
echo "unchanged"
