"""Decode and validate, against the bare parser that skips everything but the JSON."""

from functools import partial

import orjson

from benchmarks import payloads, system_under_test
from benchmarks.interleaving import interleaved, ratio, seconds_of
from benchmarks.iterations import Iterations
from benchmarks.report.results import Findings, Table, Target, at_most, figure

_AIM = 0.7


def run(iterations: Iterations) -> Findings:
    """Ratios of time, in one process."""
    targets: list[Target] = []
    rows = []
    for count in (100, 1_000, 10_000):
        for size in (150, 1024):
            for context in (False, True):
                body = payloads.json_array(payloads.lines(count, size, context=context))
                repeats = max(1, 20_000 // count)
                figures = interleaved(
                    3 * iterations.rounds,
                    {
                        "LogLeap": seconds_of(partial(system_under_test.decode, body), repeats),
                        "orjson": seconds_of(partial(orjson.loads, body), repeats),
                    },
                )
                share = ratio(figures, "LogLeap", "orjson")
                name = f"{count:,} entries, messages of {size:,} bytes, {'with' if context else 'no'} context"
                rate = count / sorted(figures["LogLeap"])[len(figures["LogLeap"]) // 2]
                rows.append((name, figure(share), f"{len(body):,}", f"{rate:,.0f}"))
                if (count, size) == (1_000, 150):
                    which = f"decode and validate 1,000 entries, {'with' if context else 'no'} context"
                    targets.append(at_most(f"{which}, against `orjson.loads`", share, _AIM))
    header = ("a JSON array of", "LogLeap / orjson", "bytes", "LogLeap: entries/s")
    note = (
        "The time to decode and validate it, for each second that `orjson.loads` takes for the JSON alone: "
        "no time stamp parsed, no field checked."
    )
    return Findings(targets, [Table("Decode and validate", header, rows, note)])
