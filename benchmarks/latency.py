"""What a call takes in one place and in another."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from benchmarks import load
from benchmarks.interleaving import Figures, interleaved, ratio
from benchmarks.report.results import figure, milliseconds

_TURNS = 8
_SECONDS = 0.25  # for a turn: the shorter they are, the likelier what disturbs one meets its twin, too

Requests = Callable[[str], Sequence[bytes]]


def round_of(calls: Mapping[str, Requests], ports: Mapping[str, int]) -> Mapping[str, Figures]:
    """For each call the median times (s), turn by turn, of one client's calls in `many` and in `few`.

    `ports` has these two places; a call's requests are asked for with the place's name.
    """
    figures = {}
    for call, requests_for in calls.items():
        sides = {place: partial(_median, port, requests_for(place)) for place, port in ports.items()}
        figures[call] = interleaved(_TURNS, sides)
    return figures


def compared(
    rounds: Iterable[Mapping[str, Figures]],
) -> tuple[Mapping[str, float], Sequence[Sequence[str]]]:
    """For each call how many times as long it takes in `many` as in `few`, and rows to show."""
    times: dict[str, dict[str, list[float]]] = {}
    for one in rounds:
        for call, figures in one.items():
            for place, values in figures.items():
                times.setdefault(call, {}).setdefault(place, []).extend(values)
    shares = {call: ratio(figures, "many", "few") for call, figures in times.items()}
    rows = []
    for call, figures in times.items():
        medians = [milliseconds(statistics.median(figures[place])) for place in ("few", "many")]
        rows.append((call, figure(shares[call]), *medians))
    return shares, rows


def _median(port: int, requests: Sequence[bytes]) -> float:
    return load.drive(port, requests, clients=1, seconds=_SECONDS).percentile(0.5)
