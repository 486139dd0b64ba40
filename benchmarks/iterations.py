"""How much is done: enough for figures that repeat, or a quick look."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Iterations:
    """`rounds` of turns for each comparison, the `seconds` that a client sends at most in each."""

    rounds: int
    seconds: float
    many_entries: int
    many_datasets: int
    upload_bytes: int


FULL = Iterations(rounds=5, seconds=1.0, many_entries=10_000_000, many_datasets=100_000, upload_bytes=1 << 30)
QUICK = Iterations(rounds=2, seconds=0.3, many_entries=500_000, many_datasets=2_000, upload_bytes=64 << 20)
