"""What a call takes in one place and in another."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import load
from effort import Effort
from pairs import ratio, taking_turns
from results import figure, milliseconds

Requests = Callable[[str], Sequence[bytes]]


def compared(
    calls: Mapping[str, Requests], ports: Mapping[str, int], effort: Effort
) -> tuple[Mapping[str, float], Sequence[Sequence[str]]]:
    """For each call how many times as long it takes in `many` as in `few`, and rows to show.

    `ports` has these two places; a call's requests are asked for with the place's name.
    """
    shares: dict[str, float] = {}
    rows = []
    for call, requests_for in calls.items():
        turns = {}
        for place, port in ports.items():
            turns[place] = partial(_median, port, requests_for(place), effort.seconds)
        figures = taking_turns(2 * effort.rounds, turns)
        shares[call] = ratio(figures, "many", "few")
        medians = [milliseconds(statistics.median(figures[place])) for place in ("few", "many")]
        rows.append((call, figure(shares[call]), *medians))
    return shares, rows


def _median(port: int, requests: Sequence[bytes], seconds: float) -> float:
    return load.drive(port, requests, clients=1, seconds=seconds).percentile(0.5)
