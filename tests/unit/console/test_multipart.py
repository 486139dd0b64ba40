"""A form with a file is read as it comes, however it is cut into pieces."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logleap.entrypoints.console.multipart import UploadForm
from logleap.entrypoints.http.errors.refusals import HttpError

BOUNDARY = "a-boundary"


def form(fields: dict[str, str], file: bytes | None, end: bytes = b"\r\n--a-boundary--\r\n") -> bytes:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    if file is None:
        return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="x.log"\r\n\r\n'
    return b"".join(parts) + head.encode() + file + end


@given(st.binary(max_size=300), st.lists(st.integers(1, 40), min_size=1, max_size=20))
@settings(max_examples=100)
def test_the_file_is_what_was_sent(file: bytes, cuts: list[int]) -> None:
    body = form({"csrf": "t", "name": "Nächte\r\n2"}, file)
    pieces: list[bytes] = []
    at = 0
    while at < len(body):
        size = cuts[len(pieces) % len(cuts)]
        pieces.append(body[at : at + size])
        at += size
    read = UploadForm(pieces, BOUNDARY)
    assert read.fields == {"csrf": "t", "name": "Nächte\r\n2"}
    assert read.name == "x.log"
    assert read.file.read() == file


@given(st.integers(0, 200))
@settings(max_examples=60)
def test_a_form_that_is_cut_off_is_refused_before_its_file_ends(cut: int) -> None:
    body = form({"csrf": "t"}, b"2026-03-02 06:00:00 x\n" * 3, end=b"\r\n--a-boundary--")
    with pytest.raises(HttpError, match="incomplete or malformed"):
        UploadForm([body[: min(cut, len(body) - 3)]], BOUNDARY).file.read()


def test_what_is_read_of_fields_is_bounded() -> None:
    with pytest.raises(HttpError, match="'name' has more than 4096 bytes"):
        UploadForm([form({"name": "x" * 5000}, b"")], BOUNDARY)
    with pytest.raises(Exception, match="exceeds"):
        UploadForm([form({str(number): "x" for number in range(60)}, b"")], BOUNDARY)


def test_a_form_without_a_file_has_an_empty_one() -> None:
    read = UploadForm([form({"csrf": "t"}, None)], BOUNDARY)
    assert (read.name, read.file.read(), read.fields) == ("", b"", {"csrf": "t"})


@pytest.mark.parametrize("boundary", ["", "ö☃", "x" * 5000])
def test_a_form_with_another_boundary_is_refused(boundary: str) -> None:
    with pytest.raises(HttpError, match="incomplete or malformed"):
        UploadForm([form({"csrf": "t"}, b"x")], boundary).file.read()
