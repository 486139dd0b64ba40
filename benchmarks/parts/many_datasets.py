"""A hundred thousand data sets: what the calls cost then, against a hundred."""

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from shutil import copytree

from benchmarks import latency, load, payloads, servers, system_under_test
from benchmarks.interleaving import Figures
from benchmarks.iterations import Iterations
from benchmarks.report.results import Findings, Table, at_most

_UPLOAD = "upload of 1,000 entries"
_LIST = "GET /data?pageSize=100"

_FEW = 100
_FLAT = 1.1
_JSON = {"Content-Type": "application/json"}
_MEMORY = "/dev/shm"


def run(iterations: Iterations) -> Findings:
    """Two servers with backend `local`, each with a folder that was filled before it started.

    A pair of servers of their own for each round: two that hold the same differ by a tenth and more.
    """
    with tempfile.TemporaryDirectory(prefix="logleap-bench-") as name:
        filled = {place: Path(name) / place for place in ("few", "many")}
        for folder, datasets in zip(filled.values(), (_FEW, iterations.many_datasets), strict=True):
            fill(folder, datasets)
        shares, rows = latency.compared(_round(filled) for _ in range(iterations.rounds))
    against = f"with {iterations.many_datasets:,} data sets, against {_FEW}"
    targets = [at_most(f"{call} {against}", shares[call], _FLAT, unit=" ×") for call in (_UPLOAD, _LIST)]
    header = ("call", "many / few", f"{_FEW} data sets", f"{iterations.many_datasets:,} data sets")
    note = "Median times of one client's calls, over several pairs of servers."
    return Findings(targets, [Table("Calls among many data sets", header, rows, note)])


def _round(filled: Mapping[str, Path]) -> Mapping[str, Figures]:
    body = payloads.json_array(payloads.lines(1_000))
    with ExitStack() as stack:
        ports = {}
        for place, folder in filled.items():
            copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="logleap-bench-"))) / "data"
            copytree(folder, copy)
            command = servers.logleap("local", data_dir=str(copy))
            ports[place] = stack.enter_context(servers.running(command)).port
        data_ids = {place: load.call(port, "POST", "/data")["dataId"] for place, port in ports.items()}
        return latency.round_of(
            {
                "POST /data": lambda place: [load.request("/data", b"", {})] * 200,
                _UPLOAD: lambda place: [load.request(f"/data/{data_ids[place]}", body, _JSON)] * 100,
                _LIST: lambda place: [load.request("/data?pageSize=100", b"", {}, "GET")] * 100,
                "GET /data/{dataId}": lambda place: (
                    [load.request(f"/data/{data_ids[place]}", b"", {}, "GET")] * 300
                ),
            },
            ports,
        )


def fill(folder: Path, datasets: int) -> None:
    """Make a folder of `local` with so many data sets."""
    memory = _MEMORY if Path(_MEMORY).is_dir() else None
    with tempfile.TemporaryDirectory(prefix="logleap-bench-", dir=memory) as name:
        with system_under_test.local_backend(Path(name) / "data") as backend:
            for _ in range(datasets):
                system_under_test.announced(backend)
        copytree(Path(name) / "data", folder)
