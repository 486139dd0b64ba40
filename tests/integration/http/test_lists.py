"""`GET /data`: filters and pages."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logleap.client import Client
from logleap.domain.datasets import State
from logleap.entrypoints.http.contract.paging import Filters

ENTRY = {"timestamp": "2026-03-02T06:00:00Z", "message": "ok"}


@pytest.fixture(scope="module")
def server(start_server: Any) -> Iterator[Any]:
    """A server of this module's own: lists show all that there is."""
    with start_server() as running:
        yield running


def listed(server: Any, **query: Any) -> Any:
    answer = server.http.get("/data", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(page: Any) -> list[str]:
    return [shown["dataId"] for shown in page["datasets"]]


def test_lists_are_narrowed_by_exactly_the_name_and_by_state(server: Any) -> None:
    name = f"nightly & {uuid.uuid4()} 😀"
    first, second = server.announce(name=name), server.announce(name=name)
    server.announce(name=name + " 2")
    server.append(first, ENTRY)
    assert ids(listed(server, name=name)) == [second, first]
    assert ids(listed(server, name=name, state="uploading")) == [first]
    assert ids(listed(server, name=name[:7])) == []
    with Client(server.url) as client:
        assert [shown["dataId"] for shown in client.datasets(name=name)] == [second, first]


def test_each_shown_data_set_has_its_totals(server: Any) -> None:
    name = str(uuid.uuid4())
    made = [server.announce(name=name) for _ in range(3)]
    for entries, data_id in enumerate(made, start=1):
        server.append(data_id, [ENTRY] * entries)
    server.http.post(f"/train/{made[0]}")
    assert [shown["entries"] for shown in listed(server, name=name)["datasets"]] == [3, 2, 1]


def test_a_page_token_goes_on_where_the_page_ended_whatever_the_page_size(server: Any) -> None:
    name = str(uuid.uuid4())
    made = [server.announce(name=name) for _ in range(5)][::-1]
    first = listed(server, name=name, pageSize=2)
    second = listed(server, name=name, pageSize=1, pageToken=first["nextPageToken"])
    last = listed(server, name=name, pageSize=9, pageToken=second["nextPageToken"])
    assert [ids(page) for page in (first, second, last)] == [made[:2], made[2:3], made[3:]]
    assert last["nextPageToken"] is None


@pytest.mark.parametrize(
    "other", [{}, {"name": "b"}, {"name": "a", "state": "created"}, {"state": "created"}]
)
def test_a_page_token_of_another_list_is_refused(server: Any, other: dict[str, str]) -> None:
    for _ in range(2):
        server.announce(name="a")
    token = listed(server, name="a", pageSize=1)["nextPageToken"]
    refused = server.http.get("/data", params={**other, "pageToken": token})
    assert (refused.status_code, refused.json()["code"]) == (400, "PAGE_TOKEN_INVALID")
    assert "another list" in refused.json()["detail"]


filters = st.builds(Filters, st.none() | st.sampled_from(State), st.none() | st.text())


@given(filters, filters)
def test_different_filters_have_different_marks(one: Filters, other: Filters) -> None:
    assert (one.mark == other.mark) == (one == other)


@pytest.mark.parametrize("backend", ["memory", "local"])
def test_walks_over_http_meet_each_data_set_once_while_others_are_announced(
    start_server: Any, tmp_path: Path, backend: str
) -> None:
    with start_server(backend=backend, data_dir=tmp_path) as server:
        made = [server.announce(name="nightly") for _ in range(12)]

        def walk(size: int, filters: dict[str, str]) -> list[str]:
            found: list[str] = []
            token: str | None = ""
            while token is not None:
                page = listed(server, pageSize=size, pageToken=token, **filters)
                found += ids(page)
                token = page["nextPageToken"]
                server.announce(name="nightly")
            return found

        with ThreadPoolExecutor() as threads:
            walks = list(threads.map(walk, (1, 3, 5, 7), ({}, {"name": "nightly"}, {"state": "created"}, {})))
        server.container.backend().close()
    for met in walks:
        assert len(set(met)) == len(met)
        assert [data_id for data_id in met if data_id in made] == made[::-1]
