#!/usr/bin/env bash
# Package:   gcp-storage-emulator 2026.7.19 with google-cloud-storage 3.17.0 (PyPI)
# Behaviour: the emulator ignores if_generation_match: "create only if there is no such object" overwrites one, and
#            "delete only this generation" deletes another. Cloud Storage answers 412 to both. A test of a program that
#            relies on preconditions passes against the emulator whether the program is right or not.
# Seen:      the second create succeeds and replaces the object; the delete of generation 1 succeeds.
# Guessed:   412, or 501 for what the emulator does not support.
set -euo pipefail
sed -n '2,/^set/s/^# //p' "$0"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq gcp-storage-emulator==2026.7.19 google-cloud-storage==3.17.0
"$dir/venv/bin/python" - <<'PY'
import os
import socket
import sys

from gcp_storage_emulator.server import create_server
from google.api_core.exceptions import GoogleAPIError
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
os.environ["STORAGE_EMULATOR_HOST"] = f"http://127.0.0.1:{port}"


def outcome(call, **condition):
    try:
        call(**condition)
        return "done"
    except GoogleAPIError as error:
        return type(error).__name__


with create_server("127.0.0.1", port, in_memory=True, default_bucket="logs"):
    bucket = storage.Client(project="p", credentials=AnonymousCredentials()).bucket("logs")
    blob = bucket.blob("manifest")
    blob.upload_from_string("first")
    create = outcome(lambda **only: bucket.blob("manifest").upload_from_string("second", **only), if_generation_match=0)
    content = bucket.blob("manifest").download_as_bytes()
    delete = outcome(bucket.blob("manifest").delete, if_generation_match=1)
    left = bucket.blob("manifest").exists()
print(f"create again: {create}, the object is now {content}; delete generation 1: {delete}, still there: {left}")
sys.exit(0 if (create, content, delete, left) == ("done", b"second", "done", False) else "changed")
PY
echo "unchanged"
