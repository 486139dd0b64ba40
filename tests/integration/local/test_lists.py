"""Lists of data sets come out of an index, in order: they take no longer the more there are."""

from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest

from logleap.domain.datasets import State
from logleap.ports.datasets import Position

HERE = Position(datetime(2026, 8, 1, tzinfo=UTC), "x")


@pytest.mark.parametrize(
    ("state", "name", "after"), list(product([None, State.CREATED], [None, "nightly"], [None, HERE]))
)
def test_each_list_is_read_in_order_from_the_index_of_all_its_filters(
    local: Any, state: State | None, name: str | None, after: Position | None
) -> None:
    asked: list[str] = []
    with local.database.reading() as connection:
        connection.set_trace_callback(asked.append)  # the next call takes the same connection
    local.datasets.list("owner", state=state, name=name, after=after, limit=10)
    (query,) = (statement for statement in asked if "FROM datasets" in statement)
    with local.database.reading() as connection:
        connection.set_trace_callback(None)
        plan = " ".join(step for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {query}"))
    filters = [column for column, value in (("name", name), ("state", state)) if value is not None]
    equal = " AND ".join(f"{column}=?" for column in ("owner", *filters))
    assert f"({equal}" in plan
    assert "SCAN" not in plan
    assert "TEMP B-TREE" not in plan
