import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from logleap.adapters.snapshots import Looks


@pytest.fixture
def hasty_switching() -> Iterator[None]:
    """Threads take turns as often as Python allows."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def test_the_latest_thousand_looks_are_kept() -> None:
    looks = Looks[int]()
    for number in range(1_500):
        looks.note(f"data set {number}", number)
    kept = [number for number in range(1_500) if looks.at(f"data set {number}") is not None]
    assert kept == list(range(500, 1_500))


def test_a_look_noted_anew_is_among_the_latest() -> None:
    looks = Looks[int]()
    for number in [*range(1_000), 0, 1_000]:
        looks.note(f"data set {number}", number)
    assert looks.at("data set 0") == 0
    assert looks.at("data set 1") is None


@pytest.mark.usefixtures("hasty_switching")
def test_threads_that_note_more_than_are_kept_do_not_disturb_each_other() -> None:
    looks = Looks[int]()

    def note(thread: int) -> None:
        for number in range(20_000):
            looks.note(f"{thread}-{number}", number)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(note, range(4)))
    assert [looks.at(f"{thread}-19999") for thread in range(4)].count(19_999) >= 1
