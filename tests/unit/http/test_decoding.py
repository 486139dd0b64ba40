"""Bodies that are decoded as a whole take turns."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import nullcontext

from flask import Request
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from logleap.domain.entries import Entry
from logleap.entrypoints.http.ingest.decoding import SMALL, Decoders, InTurn


def a_request(size: int, coding: str = "") -> Request:
    headers = Headers([("Content-Encoding", coding)] if coding else [])
    return Request(EnvironBuilder(method="POST", data=b"x" * size, headers=headers).get_environ())


def test_large_and_compressed_bodies_take_turns_and_others_do_not_wait() -> None:
    decoders = Decoders(threads=8)
    large, zipped = a_request(SMALL + 1), a_request(10, "gzip")
    third = threading.Event()

    def decode() -> None:
        with decoders.turn(large):
            third.set()

    with decoders.turn(large), decoders.turn(zipped):
        waiting = threading.Thread(target=decode)
        waiting.start()
        with decoders.turn(a_request(SMALL)):  # a small one is decoded meanwhile
            assert not third.wait(0.1)
    assert third.wait(20)
    waiting.join()


class Source:
    sha256 = "abc"

    def __init__(self, turn: threading.BoundedSemaphore) -> None:
        self._turn = turn
        self.turns: list[bool] = []

    def __iter__(self) -> Iterator[Sequence[Entry]]:
        for _ in range(2):
            free = self._turn.acquire(blocking=False)
            if free:
                self._turn.release()
            self.turns.append(not free)
            yield []


def test_the_turn_ends_before_what_was_decoded_is_stored() -> None:
    turn = threading.BoundedSemaphore(1)
    source = Source(turn)
    taken = InTurn(source, turn)
    for _ in taken:
        with turn:
            pass
    assert source.turns == [True, False]
    assert taken.sha256 == "abc"
    assert list(InTurn(source, nullcontext())) == [[], []]
