#!/usr/bin/env bash
# Package:   mock-firestore 0.11.0 (PyPI)
# Behaviour: create() in a transaction does nothing: after the commit, which reports no write, the document does not
#            exist; and if it exists already, the commit succeeds where Firestore raises AlreadyExists. set() in the
#            same place writes. A test finds lost data where there is none, and misses the race that create() decides.
# Seen:      after create() and commit() the document is missing; create() on an existing one raises nothing.
# Guessed:   the document is there, and a second create() raises the package's own AlreadyExists.
set -euo pipefail
sed -n '2,/^set/s/^# //p' "$0"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq mock-firestore==0.11.0
"$dir/venv/bin/python" - <<'PY'
import sys

from mockfirestore import AlreadyExists, MockFirestore

client = MockFirestore()
run = client.collection("runs")


def in_transaction(write, document):
    transaction = client.transaction()
    transaction._begin()  # as the package's own `transactional` does
    try:
        getattr(transaction, write)(document, {"state": write})
        return len(transaction.commit())
    except AlreadyExists:
        return "AlreadyExists"


seen = {
    "create": (in_transaction("create", run.document("r1")), run.document("r1").get().to_dict()),
    "set": (in_transaction("set", run.document("r2")), run.document("r2").get().to_dict()),
    "create again": (in_transaction("create", run.document("r2")), run.document("r2").get().to_dict()),
}
for name, (writes, document) in seen.items():
    print(f"{name}: {writes} writes reported, the document is {document}")
expected = {"create": (0, {}), "set": (1, {"state": "set"}), "create again": (0, {"state": "set"})}
sys.exit(0 if seen == expected else "changed: create() writes, or it refuses")
PY
echo "unchanged"
