#!/usr/bin/env bash
# Package:   werkzeug 3.1.9 (PyPI), which Flask reads forms with
# Behaviour: the body of a form is read in pieces. Where a piece ends between the two hyphens that follow the last
#            boundary, the carriage return in front of the boundary becomes the last byte of the file.
# Seen:      a file of 65,446 bytes has 65,447 when it arrives; one byte more or less, and it arrives as it was. A digest or a
#            length that the sender knows no longer agrees.
# Guessed:   a file arrives as it was sent, however the body is cut.
set -euo pipefail
sed -n '2,/^set/s/^# //p' "$0"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq werkzeug==3.1.9
"$dir/venv/bin/python" - <<'PY'
import io
import sys

from werkzeug.formparser import parse_form_data

PIECE = 64 * 1024  # as werkzeug.formparser reads
HEAD = b'--boundary\r\nContent-Disposition: form-data; name="file"; filename="x.log"\r\n\r\n'
MARK = b"\r\n--boundary"


def arrived(size):
    """How many bytes a file of this size has when it arrives."""
    body = HEAD + b"x" * size + MARK + b"--\r\n"
    environ = {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": "multipart/form-data; boundary=boundary",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    return len(parse_form_data(environ)[2]["file"].read())


fits = PIECE - len(HEAD) - len(MARK)  # its boundary ends with the first piece
more = {size - fits: arrived(size) - size for size in range(fits - 3, fits + 2)}
for distance, bytes_more in more.items():
    print(f"a file of {fits + distance} bytes has {bytes_more} more when it arrives")
seen = {-3: 0, -2: 0, -1: 1, 0: 0, 1: 0}  # -1: the piece ends between the two hyphens behind the boundary
sys.exit(0 if more == seen else f"changed: by their distance files had {more} bytes more")
PY
echo "unchanged"
