import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logleap.ports.errors import Unavailable
from logleap.reporting.distinct import DistinctCount

LEAST, MOST = -(2**63), 2**63 - 1
hashes = st.integers(LEAST, MOST) | st.integers(-3, 3) | st.sampled_from([LEAST, MOST])


@given(st.lists(st.lists(hashes, max_size=12), max_size=6), st.integers(0, 100), st.integers(1, 10))
def test_each_value_is_counted_once_in_memory_or_in_a_file(
    parts: list[list[int]], expected: int, held: int
) -> None:
    with DistinctCount(expected, held) as count:
        for part in parts:
            count.add(part)
        assert count.result() == len({number for part in parts for number in part})


def test_a_full_disk_is_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with DistinctCount(10, held=2) as count, pytest.raises(Unavailable, match="bytes per entry"):
        count.add([1, 2])
