"""A name that is given twice is found in work that grows with the number of names, not with its square."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from logleap.codecs.json import mapped, strict
from logleap.codecs.limits import DEFAULT_LIMITS
from logleap.codecs.mappings import BUILT_IN
from logleap.entrypoints.http.errors.refusals import HttpError
from logleap.entrypoints.http.ingest import small_body


class Name(str):
    """A name that counts how often names are compared."""

    __slots__ = ()
    comparisons = 0

    def __eq__(self, other: object) -> bool:
        Name.comparisons += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def entry(names: Sequence[str], times: str) -> bytes:
    members = [f'{times},"message":"x"', *(f'"{name}":0' for name in names), '"message":"y"']
    return f"{{{','.join(members)}}}".encode()


def read_strictly(names: Sequence[str]) -> object:
    known = ["message"] * len(names)  # of others it names only the first
    (read,) = strict.STRICT.each(entry(known, '"timestamp":"2026-03-02T06:00:00Z"'), DEFAULT_LIMITS)
    return read


def read_with_a_mapping(names: Sequence[str]) -> object:
    form = mapped.mapped(BUILT_IN["ecs"])
    (read,) = form.each(entry(names, '"@timestamp":"2026-03-02T06:00:00Z"'), DEFAULT_LIMITS)
    return read


def read_a_small_body(names: Sequence[str]) -> object:
    try:
        small_body._once_each([(Name(name), None) for name in (*names, names[-1])])
    except HttpError as refused:
        return refused
    return None


@pytest.mark.parametrize("read", [read_strictly, read_with_a_mapping, read_a_small_body])
def test_twice_as_many_names_take_twice_as_many_comparisons(
    read: Callable[[Sequence[str]], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (strict, mapped):
        decode = module.decode_string
        monkeypatch.setattr(module, "decode_string", lambda raw, decode=decode: Name(decode(raw)))
    counts = []
    for size in (500, 1000):
        Name.comparisons = 0
        assert "once" in str(vars(read([f"n{number}" for number in range(size)])))
        counts.append(Name.comparisons)
    assert 0 < counts[1] < 3 * max(counts[0], 1)
