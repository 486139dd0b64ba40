"""A log that was cut by its rotation: an entry begins in one file and goes on in the next."""

import json
from io import BytesIO
from typing import Any
from unittest import mock

import pytest

from logleap.client.logfiles import Head, LogFile, LogFileError, ReadOptions, Seam
from logleap.client.logfiles._fast import readers as fast
from logleap.client.logfiles._text import log_text as text

REST = Head("app.log", ("\tat a.b", "", "Caused by: x"))


@pytest.mark.parametrize("block", [1 << 20, 64])
@pytest.mark.parametrize("compiled", [True, False])
def test_the_last_entry_goes_on_in_the_next_file(block: int, compiled: bool) -> None:
    with mock.patch.object(text, "BLOCK", block), mock.patch.object(fast, "COMPILED", compiled):
        first, second = (
            LogFile(BytesIO(data.encode()), name=name, options=ReadOptions(), seam=seam)
            for name, data, seam in (
                ("app.log.1", "2026-03-02 06:00:00 a\n2026-03-02 06:00:01 b\n\tat b.c\n", Seam(rest=REST)),
                ("app.log", "\n".join([*REST.lines, "2026-03-02 06:00:02 c\n"]), Seam(continues=True)),
            )
        )
        assert [entry["message"] for entry in second.entries()] == ["c"]
        assert second.head == REST
        [batch] = first.batches()
    assert [json.loads(line)["message"] for line in batch.body.splitlines()] == [
        "a",
        "b\n\tat b.c\n\tat a.b\n\nCaused by: x",
    ]
    assert (batch.starts.tolist(), batch.end_line) == ([1, 2], 3)
    assert first.report.notes == ["its last entry goes on up to line 3 of app.log"]
    assert second.report.notes == ["up to line 3 it belongs to the last entry of the file before"]


@pytest.mark.parametrize(("data", "form"), [("", "auto"), ("\n", "plain"), ("timestamp,message\n", "csv")])
def test_a_next_file_that_begins_in_the_middle_is_refused_after_one_without_entries(
    data: str, form: Any
) -> None:
    def opened(**options: Any) -> LogFile:
        stream = BytesIO(data.encode())
        return LogFile(
            stream, name="app.log.1", options=ReadOptions(format=form, **options), seam=Seam(rest=REST)
        )

    with pytest.raises(
        LogFileError, match=r"^app\.log, line 1: .*before the first time, and app\.log\.1 ends with no"
    ):
        list(opened().batches())
    file = opened(on_bad_line="skip")
    assert list(file.batches()) == []
    assert file.report.skipped_lines == 3


def test_a_file_that_begins_in_the_middle_alone_is_refused() -> None:
    data = b"\tat a.b\n2026-03-02 06:00:00 a\n"
    with pytest.raises(LogFileError, match=r"line 1: .*stands before the first time"):
        list(LogFile(BytesIO(data)).batches())
