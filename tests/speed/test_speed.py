"""The hot paths, each against a baseline in the same run: a ratio, whatever the machine and its load.

The bounds are generous. They are passed when something is done for each entry that was done for all at once,
not when a change costs some percent: `make bench` tells that.
"""

import gc
import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import orjson
import pytest

from benchmarks import payloads, system_under_test
from logleap.adapters.gcp.bigquery.rows import arrow_pieces, json_pieces
from logleap.codecs.json.fast import COMPILED, MSGSPEC, READERS, Reader
from logleap.codecs.json.strict import decode_entry
from logleap.container import build_container
from logleap.domain.entries import Batch, Entries
from logleap.entrypoints.http.app import create_app
from logleap.settings import Settings

pytestmark = pytest.mark.no_cover  # a tracer slows down what is ours, and not the baseline

_ROUNDS = 15
# Times as long as orjson.loads of the same bytes, by whether the reader is compiled. The other makes a
# number of each time by itself: it takes 4, beside four other busy processes on two cores 11.
_DECODING = {True: 1.5, False: 16}
_ROWS = 6
_COLUMNS = 0.4
_UPLOADS = {"memory": 10, "local": 10}

_LINES = payloads.lines(1_000)
_BODY = payloads.json_array(_LINES)


def ratio(work: Callable[[], object], baseline: Callable[[], object]) -> float:
    """How many times the CPU time `work` takes: both at their best, as what disturbs them only ever adds."""
    best = [float("inf")] * 2
    gc.collect()
    for _ in range(_ROUNDS):
        for number, each in enumerate((work, baseline)):
            start = time.thread_time()
            each()
            best[number] = min(best[number], time.thread_time() - start)
    return best[0] / best[1]


def test_columns_are_read_in_a_fraction_of_the_time_of_rows(tmp_path: Path) -> None:
    with system_under_test.local_backend(tmp_path) as backend:
        dataset = system_under_test.announced(backend)
        for _ in range(3):
            system_under_test.append(backend, dataset, decoded())
        training_set = system_under_test.training_set(backend, dataset, 3_000)
        columns, rows = (
            lambda: deque(training_set.columns(), 0),
            lambda: deque(training_set.rows(), 0),
        )
        assert ratio(columns, rows) < _COLUMNS


def parse() -> object:
    return orjson.loads(_BODY)


def decoded(reader: Reader = READERS[0]) -> Entries:
    entries = reader.array(_BODY, 1 << 20)
    assert entries is not None
    return entries


@pytest.mark.parametrize("reader", READERS)
def test_decoding_takes_no_longer_than_a_bare_parser_or_not_much(reader: Reader) -> None:
    assert ratio(lambda: decoded(reader), parse) < _DECODING[reader is not MSGSPEC]


def test_decoding_one_by_one_would_be_noticed() -> None:
    lines = payloads.ndjson(_LINES).splitlines()
    assert ratio(lambda: [decode_entry(line) for line in lines], parse) > _DECODING[COMPILED]


_BATCH = Batch("7d8b0631-2c9e-419a-b895-103261ea9665", "anna", "a236259b-e630-4343-a1df-2a6547a9a7a9")


def test_rows_for_bigquery_take_a_few_times_as_long_as_parsing_json() -> None:
    entries = decoded()
    assert ratio(lambda: [rows.serialize() for rows in arrow_pieces(_BATCH, entries, 0)], parse) < _ROWS


def test_rows_for_bigquery_one_by_one_would_be_noticed() -> None:
    entries = decoded()
    assert ratio(lambda: list(json_pieces(_BATCH, entries, 0)), parse) > _ROWS


@pytest.mark.parametrize("backend", ["memory", "local"])
def test_an_upload_takes_a_few_times_as_long_as_parsing_and_writing_it(
    backend: Literal["memory", "local"], tmp_path: Path
) -> None:
    container = build_container(Settings(backend=backend, data_dir=tmp_path / "data"))
    client = create_app(container).test_client()
    data_id = client.post("/data").get_json()["dataId"]

    def upload() -> None:
        answer = client.post(f"/data/{data_id}", data=_BODY, content_type="application/json")
        assert answer.get_json()["accepted"] == len(_LINES)

    with (tmp_path / "raw").open("wb", buffering=0) as file:

        def baseline() -> None:
            parse()
            if backend == "local":
                file.write(_BODY)
                os.fdatasync(file.fileno())

        measured = ratio(upload, baseline)
    container.backend().close()
    assert measured < _UPLOADS[backend]
