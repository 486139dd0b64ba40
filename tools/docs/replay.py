"""The examples of a page, sent again: `curl -i` commands in its console blocks, and what they answered."""

import json
import re
import shlex
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_NAMED = (  # what is another each time, and then stays the same
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",  # an id
    r'"[0-9a-f]{40}"',  # an ETag
    r"[0-9a-f]{64}",  # a digest
    r"[\w-]{60,}",  # a page token
)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@dataclass(frozen=True)
class Example:
    """A request, and its answer as far as the page shows it: a header or a text left out does not matter."""

    method: str
    url: str
    headers: dict[str, str]
    content: str
    status: int
    answered: dict[str, str]
    body: str


def examples(page: str) -> Iterator[Example]:
    """Those in a page, or a part of one, in their order. Variables (`$ ID=…`) are filled in."""
    variables: dict[str, str] = {}
    for block in _BLOCK.findall(page):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            if set_to := re.fullmatch(r"(\w+)=(\S+)\n+", step):
                variables[set_to[1]] = set_to[2]
                continue
            filled = re.sub(r"\$(\w+)", lambda found: variables[found[1]], step)
            command, _, answer = filled.partition("HTTP/1.1 ")
            yield _example(shlex.split(command.replace("\\\n", " ")), answer)


_CURL = ArgumentParser(prog="curl", exit_on_error=False)
_CURL.add_argument("-i", action="store_true", required=True)
_CURL.add_argument("-X", dest="method")
_CURL.add_argument("-H", dest="headers", action="append", default=[])
_CURL.add_argument("-d", dest="content")
_CURL.add_argument("url")


def _example(command: list[str], answer: str) -> Example:
    assert command[0] == "curl", command
    given = _CURL.parse_args(command[1:])
    head, _, body = answer.partition("\n\n")
    status, *answered = head.splitlines()
    return Example(
        given.method or ("GET" if given.content is None else "POST"),
        given.url,
        _headers(given.headers),
        given.content or "",
        int(status[:3]),
        _headers(answered),
        body,
    )


def _headers(lines: list[str]) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in lines)


@dataclass
class Replay:
    """Sends examples to a server. What is another each time has to be the same wherever the page says so."""

    http: httpx2.Client
    _now: dict[str, str] = field(default_factory=dict)

    def send(self, example: Example) -> None:
        """Raises AssertionError if the answer is another than the page's; that of a GET may take a while."""
        for left in reversed(range(100)):
            answer = self.http.request(
                example.method,
                self._as_now(example.url.removeprefix("localhost:8080")),
                headers={name: self._as_now(value) for name, value in example.headers.items()},
                content=example.content,
            )
            known = dict(self._now)
            try:
                self._compare(example, answer)
            except AssertionError:
                self._now = known
                if example.method != "GET" or not left:
                    raise
                time.sleep(0.1)
            else:
                return

    def _compare(self, example: Example, answer: httpx2.Response) -> None:
        assert answer.status_code == example.status, answer.text
        for name, value in example.answered.items():
            self._same(value, answer.headers[name], name)
        if not example.body.strip():
            assert not answer.text, answer.text
        elif "json" in answer.headers["Content-Type"]:
            self._same(json.loads(example.body), answer.json(), "body")
        else:
            shown = [line for line in example.body.splitlines() if line != "…"]
            assert set(shown) <= set(answer.text.splitlines())

    def _as_now(self, text: str) -> str:
        for then, now in self._now.items():
            text = text.replace(then, now)
        return text

    def _same(self, then: Any, now: Any, place: str) -> None:
        match then, now:
            case dict(), dict():
                assert list(then) == list(now), place
                for name in then:
                    self._same(then[name], now[name], f"{place}.{name}")
            case list(), list():
                assert len(then) == len(now), place
                for index, (one, other) in enumerate(zip(then, now, strict=True)):
                    self._same(one, other, f"{place}[{index}]")
            case str(), str():
                self._same_text(then, now, place)
            case _:
                assert then == now, place

    def _same_text(self, then: str, now: str, place: str) -> None:
        for kind in _NAMED:
            for old, new in zip(re.finditer(kind, then), re.finditer(kind, now), strict=False):
                self._now.setdefault(old[0], new[0])
        assert _TIME.sub("TIME", self._as_now(then)) == _TIME.sub("TIME", now), place
