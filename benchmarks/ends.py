"""End to end against the sum of its parts: what of a call's time is LogLeap's own."""

import os
import statistics
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from flask import Response

import load
import payloads
import profiled
import servers
import subject
from effort import Effort
from pairs import seconds_of, taking_turns
from results import Findings, Table, at_least, figure

_ENTRIES = 1_000
_AIM = 0.7
_JSON = {"Content-Type": "application/json"}


def run(effort: Effort) -> Findings:
    """One client, one call after the other: all parts and the whole, in turns."""
    bodies = list(payloads.bodies(payloads.json_array, 200, _ENTRIES))
    with ExitStack() as stack:
        whole = stack.enter_context(servers.running(servers.logleap("local")))
        bare = stack.enter_context(servers.running(servers.bare))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=whole.folder)))
        data_id = load.call(whole.port, "POST", "/data")["dataId"]

        def latency(port: int) -> float:
            requests = [load.request(f"/data/{data_id}", body, _JSON) for body in bodies]
            return load.drive(port, requests, clients=1, seconds=effort.seconds).percentile(0.5)

        file = stack.enter_context((folder / "raw").open("wb", buffering=0))

        def write() -> None:
            file.write(bodies[0])
            os.fdatasync(file.fileno())

        answer = partial(Response, b'{"accepted": 1000}', content_type="application/json")
        latency(whole.port)
        latency(bare.port)
        figures = taking_turns(
            3 * effort.rounds,
            {
                "whole": partial(latency, whole.port),
                "HTTP receive": partial(latency, bare.port),
                "decode and validate": seconds_of(partial(subject.decode, bodies[0]), 50),
                "write and fdatasync": seconds_of(write, 50),
                "Flask dispatch": seconds_of(subject.flask_call(answer), 200),
            },
        )
    names = [name for name in figures if name != "whole"]
    shares = [
        sum(figures[name][number] for name in names) / whole_time
        for number, whole_time in enumerate(figures["whole"])
    ]
    medians = {name: statistics.median(figures[name]) for name in figures}
    rows = [
        (name, figure(medians[name] / medians["whole"]), figure(medians[name] * 1e6))
        for name in [*names, "whole"]
    ]
    rest = 1 - statistics.median(shares)
    rows.append(("the rest", figure(rest), figure(rest * medians["whole"] * 1e6)))
    note = (
        f"One client uploads {_ENTRIES:,} entries a call ({len(bodies[0]):,} bytes) to `local`. "
        "HTTP receive: the same server and client with an app that reads the body and answers. "
        "Write and fdatasync: the body as it came, appended to a file on the same disk. Medians."
    )
    target = at_least(
        "the sum of its parts, against a whole call of 1,000 entries", statistics.median(shares), _AIM
    )
    whole_call = Table("Where a call's time goes", ("part", "share", "µs"), rows, note)
    return Findings([target], [whole_call, _profile(bodies[0])])


def _profile(body: bytes) -> Table:
    with tempfile.TemporaryDirectory() as name, subject.uploading(Path(name) / "data", body) as call:
        return profiled.table("Where LogLeap's own time goes", call)
