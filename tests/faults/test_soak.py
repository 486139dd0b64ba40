"""The soak finds what grows, and only that. (The soak itself takes half an hour: `make soak`.)"""

import os

import pytest

from tools.faults.soak import MEASUREMENTS, Sample, growth, sample, table


def samples(memory_per_hour: float, files_per_hour: float) -> list[Sample]:
    """Of half an hour, in whose first third the caches fill, with some noise."""
    hours = [number / (2 * MEASUREMENTS) for number in range(MEASUREMENTS)]
    return [
        Sample(
            hour,
            100 + 40 * min(hour, 1 / 6) * 6 + memory_per_hour * hour + number % 3,
            int(30 + files_per_hour * hour) + number % 4,
        )
        for number, hour in enumerate(hours)
    ]


def test_what_is_flat_after_the_warm_up_is_not_said_to_grow() -> None:
    lines, flat = table({"api-0": samples(0, 0), "worker-0": samples(-20, 0)})
    assert flat
    assert len(lines) == 6
    assert "grown" not in "".join(lines)


@pytest.mark.parametrize(("memory", "files", "what"), [(120, 0, "memory, MiB"), (0, 60, "open files")])
def test_what_grows_is_found(memory: float, files: float, what: str) -> None:
    lines, flat = table({"api-0": samples(memory, files), "worker-0": samples(0, 0)})
    assert not flat
    assert [line for line in lines if "has grown" in line] == [line for line in lines if f"{what} **" in line]


def test_the_slope_is_per_hour() -> None:
    assert growth([0, 1, 2, 3], [9, 5, 7, 9]).slope == pytest.approx(2)


def test_a_process_is_measured() -> None:
    measured = sample(os.getpid(), 0.5)
    assert measured.memory > 10
    assert measured.files >= 3
