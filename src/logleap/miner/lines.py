"""Masked messages as lines of text, sorted so that those to be mined come first, and back into tokens.

A line is severity (`-`: none), number of tokens, a checksum of the tokens, and the tokens. So lines of one
group, which are mined together, stand together, in an order that depends on nothing but what they are, and
in which the first ones are a sample of all. A character of a line stands for a byte of UTF-8: its order is
that of the code points, and Python compares such texts fastest.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from os import urandom
from zlib import crc32

from logleap.miner import _fast


def line_of(severity: str | None, tokens: Sequence[str]) -> str:
    """The line of a masked message."""
    text = " ".join(tokens).encode("utf-8", "surrogatepass")
    return f"{severity or '-'} {len(tokens)} {crc32(text):08x} {text.decode('latin-1')}"


def chosen(blocks: Iterable[list[str]], most: int) -> Iterator[tuple[str | None, list[str]]]:
    """Of sorted lines the first ones of each group, `most` of them, and its severity."""
    group: list[str] = []
    head, end = "", ""
    for block in blocks:
        at = 0
        while at < len(block):
            if not group or block[at] >= end:
                if group:
                    yield _severity(head), group
                head = " ".join(block[at].split(" ", 2)[:2])
                end = head + "!"  # the character after the blank
                group = []
            stop = bisect_left(block, end, at)
            group += block[at : min(stop, at + most - len(group))]
            at = stop
    if group:
        yield _severity(head), group


def tokens_of(lines: list[str], *, compiled: bool) -> list[tuple[str, ...]]:
    """The tokens of some lines. Each word is held once. `compiled`: by the compiled part, if it is there."""
    if compiled and _fast.COMPILED:
        return _fast.cut(lines, urandom(16))
    words: dict[str, str] = {}
    return [
        tuple(
            [
                words.setdefault(token, token)
                for token in line.split(" ", 3)[3]
                .encode("latin-1")
                .decode("utf-8", "surrogatepass")
                .split(" ")
            ]
        )
        for line in lines
    ]


def _severity(head: str) -> str | None:
    written = head.partition(" ")[0]
    return None if written == "-" else written
