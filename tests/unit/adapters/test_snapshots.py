import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from logleap.adapters.snapshots import SnapshotCache


@pytest.fixture
def frequent_switching() -> Iterator[None]:
    """Threads take turns as often as Python allows."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def test_the_latest_thousand_snapshots_are_kept() -> None:
    cache = SnapshotCache[int]()
    for number in range(1_500):
        cache.put(f"data set {number}", number)
    kept = [number for number in range(1_500) if cache.get(f"data set {number}") is not None]
    assert kept == list(range(500, 1_500))


def test_a_snapshot_that_is_put_again_is_among_the_latest() -> None:
    cache = SnapshotCache[int]()
    for number in [*range(1_000), 0, 1_000]:
        cache.put(f"data set {number}", number)
    assert cache.get("data set 0") == 0
    assert cache.get("data set 1") is None


@pytest.mark.usefixtures("frequent_switching")
def test_threads_that_put_more_than_is_kept_do_not_disturb_each_other() -> None:
    cache = SnapshotCache[int]()

    def put(thread: int) -> None:
        for number in range(20_000):
            cache.put(f"{thread}-{number}", number)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(put, range(4)))
    assert [cache.get(f"{thread}-19999") for thread in range(4)].count(19_999) >= 1
