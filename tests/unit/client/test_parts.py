"""Batches in parts: whatever proxies take, and wherever an attempt ends, each entry is stored once."""

import contextlib
from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logleap.client import ApiError
from logleap.client._parts import BatchPoster

TOO_LARGE = ApiError(413, "", "a proxy refuses it", {})


class Broken(Exception):
    """The attempt ends here."""


class Service:
    """One body per key, as LogLeap keeps them, behind a proxy."""

    def __init__(self) -> None:
        self.stored: dict[int, bytes] = {}

    def take(self, body: bytes, place: int) -> Mapping[str, object]:
        if self.stored.setdefault(place, body) != body:
            raise ApiError(422, "IDEMPOTENCY_KEY_REUSED", "", {})
        return {}

    def counts(self) -> Counter[int]:
        return Counter(byte for body in self.stored.values() for byte in body[::3])


def attempt(service: Service, sizes: list[int], limit: int, *, requests: int | None = None) -> set[int]:
    """The entries that are left out, as too large. Entry n has so many bytes n, three times."""
    left_out: set[int] = set()
    entries = [bytes([number]) * 3 for number in range(len(sizes))]
    made = 0

    def send(part: range, _: bytes, place: int) -> Mapping[str, object]:
        nonlocal made
        if made == requests:
            raise Broken
        made += 1
        if sum(sizes[part.start : part.stop]) > limit:
            raise TOO_LARGE
        return service.take(b"".join(entries[part.start : part.stop]), place)

    poster = BatchPoster()
    for _ in poster.post(
        len(sizes),
        lambda part: b"x" * sum(sizes[part.start : part.stop]),
        send,
        lambda index, _: left_out.add(index),
    ):
        pass
    return left_out


SIZES = st.lists(st.integers(1, 20), min_size=1, max_size=40)


@given(sizes=SIZES, earlier=st.lists(st.tuples(st.integers(1, 300), st.integers(0, 12)), max_size=4))
@settings(max_examples=300)
def test_attempts_with_other_limits_that_break_off_anywhere_store_nothing_twice(
    sizes: list[int], earlier: list[tuple[int, int]]
) -> None:
    service = Service()
    for limit, requests in earlier:
        with contextlib.suppress(Broken, ApiError):
            attempt(service, sizes, limit, requests=requests)
    if all(limit >= max(sizes) for limit, _ in earlier):
        assert attempt(service, sizes, limit=1000) == set()
        assert service.counts().keys() == set(range(len(sizes)))
    else:  # an entry may have been left out: then the repeat says so, and what follows is not stored twice
        with contextlib.suppress(ApiError):
            attempt(service, sizes, limit=1000)
    assert set(service.counts().values()) <= {1}


@given(sizes=SIZES, limit=st.integers(1, 300))
@settings(max_examples=100)
def test_one_attempt_stores_all_that_fits_alone(sizes: list[int], limit: int) -> None:
    service = Service()
    left_out = attempt(service, sizes, limit)
    assert left_out == {number for number, size in enumerate(sizes) if size > limit}
    assert service.counts() == Counter(set(range(len(sizes))) - left_out)
    assert attempt(service, sizes, limit) == left_out
    assert service.counts() == Counter(set(range(len(sizes))) - left_out)


def test_a_size_that_a_proxy_refused_is_not_tried_again() -> None:
    asked: list[int] = []

    def send(_: range, body: bytes, __: int) -> Mapping[str, object]:
        asked.append(len(body))
        if len(body) > 30:
            raise TOO_LARGE
        return {}

    poster = BatchPoster()
    for _ in range(2):
        list(poster.post(8, lambda part: b"x" * 10 * len(part), send))
    assert asked == [80, 40, 20, 20, 20, 20] + [20] * 4


def test_without_a_way_to_leave_an_entry_out_its_refusal_is_raised() -> None:
    def send(*_: object) -> Mapping[str, object]:
        raise TOO_LARGE

    with pytest.raises(ApiError, match="a proxy refuses it"):
        list(BatchPoster().post(3, lambda part: b"x" * len(part), send))
