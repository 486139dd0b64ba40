"""Fair comparison: all sides take turns, so that what the machine does meanwhile meets them all alike."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

Figures = Mapping[str, Sequence[float]]


def interleaved(rounds: int, sides: Mapping[str, Callable[[], float]]) -> Figures:
    """The figures of each side, by round: A B, B A, A B …"""
    figures: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in list(sides)[:: -1 if number % 2 else 1]:
            figures[name].append(sides[name]())
    return figures


def ratio(figures: Figures, one: str, other: str) -> float:
    """The median, over the rounds, of what `one` has for each of what `other` has."""
    return statistics.median(a / b for a, b in zip(figures[one], figures[other], strict=True))


def seconds_of(work: Callable[[], object], repeats: int) -> Callable[[], float]:
    """How long one call of `work` takes, the average of `repeats`, with the garbage collector as it is."""

    def measure() -> float:
        gc.collect()
        start = time.perf_counter()
        for _ in range(repeats):
            work()
        return (time.perf_counter() - start) / repeats

    return measure
