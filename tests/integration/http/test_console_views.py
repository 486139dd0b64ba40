"""The console's pages of entries, runs and comparisons: what they show, how small and harmless they are."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest

from logleap.client import Client

WEIGHT = 200 * 1024
HOUR = [f"2026-03-02T06:{minute:02}:{second:02}Z" for minute in range(60) for second in range(0, 60, 2)]


@pytest.fixture(scope="module")
def server(start_server: Any) -> Iterator[Any]:
    with start_server(with_worker=True) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Any) -> Iterator[Client]:
    with Client(server.url) as made:
        yield made


def upload(client: Client, entries: list[dict[str, str]], name: str | None = None) -> str:
    data_id = str(client.announce(name)["dataId"])
    for first in range(0, len(entries), 2000):
        client.append(data_id, entries[first : first + 2000])
    return data_id


def lines(*messages: str, times: list[str] = HOUR) -> list[dict[str, str]]:
    return [
        {"timestamp": time, "message": messages[number % len(messages)].replace("#", str(number))}
        for number, time in enumerate(times)
    ]


def get(server: Any, path: str, status: int = 200, headers: dict[str, str] | None = None) -> str:
    answer = server.http.get(f"/console{path}", headers=headers)
    assert answer.status_code == status, shown(answer.text)[:500]
    assert len(answer.content) <= WEIGHT
    found: str = answer.text
    return found


def posted(server: Any, path: str, status: int = 303, **fields: str) -> Any:
    page = server.http.get(f"/console{path}").text
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    assert token is not None
    answer = server.http.post(f"/console{path}", data={"csrf": token[1], **fields})
    assert answer.status_code == status, answer.text
    return answer


def shown(page: str) -> str:
    """The text of a page."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


@pytest.fixture(scope="module")
def hour(client: Client) -> str:
    """A data set of an hour of entries."""
    return upload(client, lines("Order # left", "Order # weighed"), "hours")


@pytest.fixture(scope="module")
def pair(client: Client) -> tuple[str, str]:
    """Two data sets of a series: the first has a log model, in the second there are new errors."""
    before, after = (
        upload(client, lines(*messages), "pairs")
        for messages in (
            ("INFO order # left by gate 4", "INFO order # weighed"),
            ("INFO order # left by gate 4", "INFO order # weighed", "ERROR gate <b>4</b> is jammed"),
        )
    )
    client.train(before, task="log-model")
    client.wait(before, timeout=60)
    return before, after


@pytest.fixture(scope="module")
def compared(server: Any, client: Client, pair: tuple[str, str]) -> str:
    """The path of the run that compared them, which the page has started."""
    before, after = pair
    location = posted(server, f"/data/{after}/compare", baseline=before, seal="yes").headers["Location"]
    client.wait(after, timeout=60)
    return str(location).removeprefix("/console")


def test_the_entries_of_a_time_and_with_a_text_are_shown(server: Any, hour: str) -> None:
    page = get(
        server, f"/data/{hour}/entries?from=2026-03-02T06:10:00Z&to=2026-03-02T06:20:00Z&contains=left"
    )
    assert page.count("<mark>") == 100
    assert 'value="2026-03-02T06:10:00Z"' in page
    assert "Order 300" in shown(page)
    assert "weighed" not in shown(page)
    following = re.search(r'rel="next" href="([^"]+)"', page)
    assert following is not None
    later = get(server, unescape(following[1]).removeprefix("/console"))
    assert later.count("<mark>") == 50
    assert 'rel="next"' not in later


def test_the_bars_of_the_chart_lead_to_all_entries_of_their_time(server: Any, hour: str) -> None:
    page = get(server, f"/data/{hour}/entries")
    bars = re.findall(r'<a href="([^"]+)" tabindex="-1" aria-label="([0-9,]+) from', page)
    assert sum(int(entries.replace(",", "")) for _, entries in bars) == len(HOUR)
    address, entries = bars[3]
    assert get(server, unescape(address).removeprefix("/console")).count("/entries/") == int(entries)


def test_the_chart_counts_entries_that_came_since_it_was_made(server: Any, client: Client) -> None:
    data_id = upload(client, lines("one", times=HOUR[:3]))

    def counted() -> int:
        page = get(server, f"/data/{data_id}/entries")
        return sum(map(int, re.findall(r'aria-label="(\d+) from', page)))

    assert (counted(), counted()) == (3, 3)
    client.append(data_id, lines("two", times=HOUR[3:5]))
    assert counted() == 5


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("from=yesterday", "From is 'yesterday', which is not a time."),
        ("to=2026-13-01", "To is '2026-13-01', which is not a time."),
        ("from=0001-01-01T00:00:00%2B14:00", "From is '0001-01-01T00:00:00+14:00', which is not a time."),
        ("from=2026-03-03&to=2026-03-02", "From is not before To"),
    ],
)
def test_a_selection_that_cannot_be_is_refused_in_words_beside_the_form(
    server: Any, hour: str, query: str, said: str
) -> None:
    page = get(server, f"/data/{hour}/entries?{query}", 400)
    assert said in shown(page)
    assert 'name="contains"' in page


def test_an_empty_data_set_says_what_to_do_next(server: Any, client: Client) -> None:
    data_id = str(client.announce()["dataId"])
    assert "This data set has no entries yet. Upload a log file" in shown(
        get(server, f"/data/{data_id}/entries")
    )
    assert "Name the one to compare with by its id" in shown(get(server, f"/data/{data_id}/compare"))


def test_an_entry_is_shown_with_the_lines_around_it(server: Any, hour: str) -> None:
    page = get(server, f"/data/{hour}/entries?contains=Order%20100")
    link = re.search(r'href="/console(/data/[^"]+/entries/[^"]+)"', page)
    assert link is not None
    around = get(server, link[1])
    assert [int(number) for number in re.findall(r"Order (\d+)", shown(around))] == list(range(85, 116))
    current = around.partition('aria-current="true"')[2].partition("</tr>")[0]
    assert "Order 100 left" in shown(current)
    answer = server.http.get(f"/console{link[1]}/message.txt")
    assert answer.text == "Order 100 left"
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_an_unknown_entry_run_or_data_set_is_not_found(server: Any, hour: str) -> None:
    for path in (
        f"/data/{hour}/entries/nowhere/0",
        f"/data/{hour}/runs/none",
        f"/data/{hour}/runs/none/templates",
        f"/data/{hour}/runs/none/known",
        f"/data/{hour}/runs/none/state",
        f"/data/{hour}/runs/none/artifacts/model",
        "/data/none/entries",
        "/data/none/compare",
    ):
        get(server, path, 404)


def test_a_comparison_shows_its_changes_with_their_lines(
    server: Any, pair: tuple[str, str], compared: str
) -> None:
    page = get(server, compared)
    text = shown(page)
    assert "1,800 entries against 1,800 of the baseline" in text
    assert 'New error: "ERROR gate <b><*></b> is jammed", 600 entries' in text
    assert "<b>4</b>" not in page
    assert "Before 0 entries, after 600 entries" in text
    example = re.search(r'href="/console(/data/[^"]+/entries/[^"#]+)#entry"', page)
    assert example is not None
    assert "is jammed" in shown(get(server, example[1]))
    first = get(server, f"{compared}?show=before-error")
    assert "The changes up to the first error" in shown(first)
    assert "is jammed" in shown(get(server, f"{compared}?show=new"))
    assert "is jammed" in shown(get(server, f"{compared}?show=nothing&page=99"))
    assert server.http.get(f"/console{compared}/artifacts/changes.json").json()["counts"]["new"] == 1
    assert '"baseline"' in shown(page)


def test_a_comparison_leaves_the_current_log_model_as_it_is(
    server: Any, client: Client, pair: tuple[str, str], compared: str
) -> None:
    run = client.run(pair[1], compared.rpartition("/")[2])
    assert run["parameters"] == {"baseline": pair[0], "current": False}


def test_a_known_change_is_not_reported_again(
    server: Any, client: Client, pair: tuple[str, str], compared: str
) -> None:
    box = re.search(r'name="(known\.\d+)" value="([0-9a-f]{16})"', get(server, compared))
    assert box is not None
    page = get(server, f"{compared}/known?{box[1]}={box[2]}")
    assert f">{box[2]}</textarea>" in page
    assert "No change was marked" in shown(get(server, f"{compared}/known"))
    known = f"{compared}/known"
    location = posted(server, known, ignore=f"{box[2]}\r\n\r\n*no such text*").headers["Location"]
    run = client.wait(pair[1], timeout=60)
    assert location == f"/console/data/{pair[1]}/runs/{run['runId']}"
    assert run["parameters"]["ignore"] == [box[2], "*no such text*"]
    assert run["result"]["changes"]["kinds"].get("new") is None
    assert "2 known changes were ignored" in shown(get(server, location.removeprefix("/console")))


def test_the_templates_of_a_log_model_are_listed_with_their_rates(server: Any, compared: str) -> None:
    page = get(server, f"{compared}/templates")
    assert "3 templates of 1,800 entries" in shown(page)
    assert page.count('<svg class="rate"') == 3
    assert "contains=ERROR" in page


def test_a_comparison_that_cannot_be_is_refused_beside_its_form(
    server: Any, client: Client, pair: tuple[str, str]
) -> None:
    data_id = upload(client, lines("other"), "pairs")
    path = f"/data/{data_id}/compare"
    assert pair[0] in get(server, path)
    assert "Choose a data set" in shown(posted(server, path, 400).text)
    assert "still takes uploads" in shown(posted(server, path, 400, baseline=pair[0]).text)
    without = upload(client, lines("nothing"))
    answer = posted(server, path, 400, baseline=pair[0], other=without, seal="yes")
    assert "has no log model" in shown(answer.text)
    posted(server, path, 404, other="unknown", seal="yes")
    assert client.dataset(data_id)["state"] == "uploading"


def test_a_change_without_the_token_of_its_form_is_refused(
    server: Any, pair: tuple[str, str], compared: str
) -> None:
    for path in (f"/data/{pair[1]}/compare", f"{compared}/known", f"{compared}/cancel"):
        for fields in ({}, {"csrf": "another"}):
            answer = server.http.post(f"/console{path}", data={"baseline": pair[0], **fields})
            assert answer.status_code == 403


def test_a_run_tells_its_state_and_can_be_cancelled(start_server: Any) -> None:
    with start_server() as server, Client(server.url) as client:  # nobody carries the run out
        data_id = upload(client, lines("waits"))
        run_id = client.train(data_id)["runId"]
        path = f"/data/{data_id}/runs/{run_id}"
        page = get(server, path)
        assert f'data-poll="/console{path}/state"' in page
        told = server.http.get(f"/console{path}/state").json()
        assert told == {"state": "queued", "finished": False, "attempts": 0}
        token = re.search(r'name="csrf" value="([^"]+)"', page)
        assert token is not None
        for _ in range(2):  # the second time it has ended
            answer = server.http.post(f"/console{path}/cancel", data={"csrf": token[1]})
            assert (answer.status_code, answer.headers["Location"]) == (303, f"/console{path}")
        page = get(server, path)
        assert "CANCELLED" in shown(page)
        assert "data-poll" not in page


def test_numbers_are_german_where_the_browser_is(server: Any, compared: str) -> None:
    page = get(server, compared, headers={"Accept-Language": "de-DE,de;q=0.9,en;q=0.5"})
    assert "1.800 entries against 1.800 of the baseline" in shown(page)


def test_pages_of_long_hostile_lines_weigh_no_more_than_200_kib(server: Any, client: Client) -> None:
    hostile = ["\u202e\x00\x1b<&\"'" * 20_000, "<script>" * 20_000, "x" * 500_000, "\u0800" * 100_000]
    times = [f"2026-03-02T06:{number // 60:02}:{number % 60:02}Z" for number in range(120)]
    entries = [
        {"timestamp": time, "message": hostile[number % 4], "context": hostile[(number + 1) % 4][:20_000]}
        for number, time in enumerate(times)
    ]
    labels = {str(number) + "\u202e" * 60: "\u202e" * 256 for number in range(64)}
    data_id = server.announce(name="\u202e" * 256, labels=labels)
    for first in range(0, len(entries), 20):
        client.append(data_id, entries[first : first + 20])
    client.train(data_id, task="log-model")
    run = client.wait(data_id, timeout=60)
    page = get(server, f"/data/{data_id}/entries")
    assert page.count("/entries/") == 100
    assert "<script>" * 2 not in page
    link = re.search(r'href="/console(/data/[^"]+/entries/[^"]+)"', page)
    assert link is not None
    for path in (
        "",
        f"/data/{data_id}",
        f"/data/{data_id}/report",
        link[1],
        f"/data/{data_id}/entries?contains=%3Cscript",
        f"/data/{data_id}/runs/{run['runId']}",
        f"/data/{data_id}/runs/{run['runId']}/templates",
        f"/data/{data_id}/compare",
    ):
        text = get(server, path)
        assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", text)
