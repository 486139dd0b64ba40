"""docs/api.md: its examples are sent again, and what it says of calls and codes is what the code says."""

import re
from pathlib import Path
from typing import Any

import pytest

from logleap.entrypoints.http.contract.blueprint import ALWAYS, WITH_BODY, WITH_OWNER
from logleap.entrypoints.http.errors.codes import PROBLEMS
from logleap.entrypoints.http.errors.entry_codes import ENTRY_PROBLEMS
from tools.docs.replay import Replay, examples

PAGE = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
KEYED = "## Keys"
"""The examples of this part want a server that asks for keys."""


def parts(page: str) -> tuple[str, str]:
    before, heading, rest = page.partition(f"\n{KEYED}\n")
    keyed, following, after = rest.partition("\n## ")
    return before + following + after, heading + keyed


def test_each_example_is_answered_as_the_page_says(start_server: Any) -> None:
    # One of its own: the page lists the data sets.
    with start_server(with_worker=True) as server:
        replay = Replay(server.http)
        sent = list(examples(parts(PAGE)[0]))
        for example in sent:
            replay.send(example)
    assert len(sent) > 20


def test_each_example_with_keys_is_answered_as_the_page_says(start_server: Any) -> None:
    with start_server(auth="keys", api_keys="615e23601aac1e14:anna:" + "0" * 64) as server:
        replay = Replay(server.http)
        sent = list(examples(parts(PAGE)[1]))
        for example in sent:
            replay.send(example)
    assert len(sent) == 2


def sections() -> dict[str, str]:
    """What the page says of each call, by `METHOD /path`."""
    found = re.split(
        r"^### `(\w+ /\S*)`.*\n", re.sub(r"^## .*\n", "### `END /`\n", PAGE, flags=re.M), flags=re.M
    )
    return dict(zip(found[1::2], found[2::2], strict=True))


def test_each_call_has_its_section_with_its_codes(server: Any) -> None:
    document = server.http.get("/openapi.json").json()
    told = sections()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            call = f"{method.upper()} {path}"
            assert call in told, f"docs/api.md tells nothing of {call}: add a section '### `{call}`'"
            contents = [
                content
                for answer in operation["responses"].values()
                for content in answer.get("content", {}).values()
            ]
            codes = {code for content in contents for code in content.get("examples", ()) if code in PROBLEMS}
            general = {*ALWAYS, *(WITH_OWNER if path.startswith(("/data", "/score", "/train")) else ())}
            general |= {"NOT_ACCEPTABLE", *(WITH_BODY if "requestBody" in operation else ())}
            [listed] = re.findall(r"^Refused with:((?:.|\n)*?)\.$", told[call], re.M) or [""]
            assert set(re.findall(r"`([A-Z0-9_]+)`", listed)) == codes - general, call
            for parameter in operation["parameters"]:
                if parameter["in"] == "query":
                    assert f"`{parameter['name']}`" in told[call] or f"?{parameter['name']}=" in told[call], (
                        call
                    )


def test_the_codes_of_many_calls_are_told_once() -> None:
    [listed] = re.findall(r"^Every call may be refused with:((?:.|\n)*?)\n\n", PAGE, re.M)
    codes = set(re.findall(r"`([A-Z0-9_]+)`", listed))
    assert codes == {*ALWAYS, "NOT_ACCEPTABLE", *WITH_OWNER, *WITH_BODY}


@pytest.mark.parametrize("code", PROBLEMS)
def test_each_code_has_its_row_with_its_remedy(code: str) -> None:
    known = PROBLEMS[code]
    assert f"| {known.status} | `{code}` | {known.meaning} | {known.remedy} |" in PAGE


@pytest.mark.parametrize("code", ENTRY_PROBLEMS)
def test_each_code_of_an_entry_has_its_row_with_its_remedy(code: str) -> None:
    known = ENTRY_PROBLEMS[code]
    assert f"| `{code}` | {known.meaning} | {known.remedy} |" in PAGE
