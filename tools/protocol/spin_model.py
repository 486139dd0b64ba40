"""Checks docs/protocol/protocol.pml with spin: every state of each configuration, and negative controls.

    python -m tools.protocol.spin_model [--faults N] [--write]

A control is the model without one of its parts, in which spin must find a violated property. Exits with 1
if a property is violated, or a control is not found. `--write` writes docs/protocol/figures.md.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.clients.programs import spin

FOLDER = Path(__file__).parents[2] / "docs/protocol"
MODEL = FOLDER / "protocol.pml"

LEDGERS = {"one database": 0, "transaction": 1, "verified commit": 2}
"""By name: the values of LEDGER in the model."""

_RUN_ENDS = "every run ends"
_DEPTH = 20_000  # steps, far more than the longest path
_MEMORY = 4_000  # MB


class Incomplete(Exception):
    """The search did not reach every state, or there was none."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What is checked: the ledger, whether there may be two runs, how many faults, and without which part.

    `cancel`: the owner cancels the first run. `liveness` checks instead that each run ends on every path,
    however the processes take turns.
    """

    ledger: str
    runs: int = 1
    faults: int = 1
    without: str | None = None
    liveness: bool = False
    cancel: bool = False

    def __str__(self) -> str:
        without = f", without {self.without}" if self.without is not None else ""
        ends = ", the end of runs" if self.liveness else ""
        cancel = ", a cancellation" if self.cancel else ""
        return f"{self.ledger}, runs {self.runs}, faults {self.faults}{cancel}{ends}{without}"

    @property
    def definitions(self) -> Sequence[str]:
        """As options of spin."""
        values = {"LEDGER": LEDGERS[self.ledger], "RUNS": self.runs, "FAULTS": self.faults}
        without = [f"-DWITHOUT={self.without}"] if self.without is not None else []
        cancel = ["-DCANCEL=1"] if self.cancel else []
        return [*(f"-D{name}={value}" for name, value in values.items()), *cancel, *without]


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of it: the states that were reached, the time it took, and the violated property, if any."""

    states: int
    seconds: float
    violated: str | None


def configurations(faults: int = 2) -> Sequence[Configuration]:
    """What must hold: one run with so many faults, two runs with one fewer, the end of runs with one.

    And a run that is cancelled, with one.
    """
    return [
        *(Configuration(ledger, faults=faults) for ledger in LEDGERS),
        *(Configuration(ledger, runs=2, faults=max(faults - 1, 0)) for ledger in LEDGERS),
        *(Configuration(ledger, cancel=True) for ledger in LEDGERS),
        *(Configuration(ledger, liveness=True) for ledger in LEDGERS),
    ]


_EXPECTED: Mapping[str, str] = {
    "FENCE": "one result per run",
    "GATE": "the set is what was counted",
    "RECEIPT_CHECK": "the set is what was counted",
    "REPLAY": "no batch twice",
    "MANIFEST": "the set is what was counted",
    "SWEEPER": "no run is lost",
    "CANCELLING": "no result of a cancelled run",
}

CONTROLS: Mapping[Configuration, str] = {
    Configuration(ledger, without=part, cancel=part == "CANCELLING"): violated
    for part, violated in _EXPECTED.items()
    for ledger in LEDGERS
    if not (part == "GATE" and ledger == "one database")  # it needs none
}
"""Configurations without a part, and the property that spin must find violated."""


def missing() -> str | None:
    """Why the model cannot be checked here, if so."""
    if spin() is None:
        return "spin is missing: `make clients` gets it where there is apt."
    return None if shutil.which("gcc") else "gcc is missing, which spin needs."


def properties() -> Mapping[int, str]:
    """By line of the model: the property that is asserted there."""
    lines = enumerate(MODEL.read_text("utf-8").splitlines(), start=1)
    found = {number: re.search(r"assert\(.*/\* (.+) \*/$", line) for number, line in lines}
    return {number: match[1] for number, match in found.items() if match is not None}


def check(configuration: Configuration) -> Checked:
    """Search all states. Raises Incomplete if that was not possible."""
    with tempfile.TemporaryDirectory(prefix="logleap-protocol-") as folder:
        work = Path(folder)
        shutil.copy(MODEL, work)
        started = time.monotonic()
        _spin(work, "-a", *configuration.definitions, MODEL.name)
        search = [] if configuration.liveness else ["-DSAFETY", "-DNOCLAIM"]
        effort = "-O2" if configuration.faults > 1 else "-O0"  # with one fault compiling takes longer
        _done(work, "gcc", effort, *search, f"-DMEMLIM={_MEMORY}", "-o", "pan", "pan.c")
        said = _done(work, "./pan", f"-m{_DEPTH}", "-w22", *(["-a"] if configuration.liveness else []))
        seconds = time.monotonic() - started
        states = re.search(r"(\d+) states, stored", said)
        if states is None or ("not completed" in said and "errors: 0" in said) or "too small" in said:
            raise Incomplete(said)
        violated = None if "errors: 0" in said else _violated(work, configuration, said)
    return Checked(int(states[1]), seconds, violated)


def _violated(work: Path, configuration: Configuration, said: str) -> str:
    if "acceptance cycle" in said:
        return _RUN_ENDS
    replayed = _spin(work, "-t", *configuration.definitions, MODEL.name)
    line = re.search(rf"{re.escape(MODEL.name)}:(\d+), Error: assertion violated", replayed)
    if line is None:
        raise Incomplete(said)
    return properties()[int(line[1])]


def _spin(work: Path, *arguments: str) -> str:
    program = spin()
    if program is None:
        raise Incomplete("there is no spin")
    return _done(work, *program.command, *arguments)


def _done(work: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Incomplete(f"{command[0]} failed: {done.stdout}{done.stderr}")
    return done.stdout


def _table(rows: Sequence[tuple[Configuration, Checked]]) -> str:
    head = "| ledger | runs | faults | checked | states | seconds |\n|---|--:|--:|---|--:|--:|\n"
    return head + "".join(
        f"| {case.ledger} | {case.runs}{', cancelled' if case.cancel else ''} | {case.faults} | "
        f"{_RUN_ENDS if case.liveness else 'all assertions'} | {checked.states:,} | {checked.seconds:.0f} |\n"
        for case, checked in rows
    )


def _control_table(rows: Sequence[tuple[Configuration, Checked]]) -> str:
    head = "| without | ledger | violated | states until then |\n|---|---|---|--:|\n"
    return head + "".join(
        f"| `{case.without}` | {case.ledger} | {checked.violated} | {checked.states:,} |\n"
        for case, checked in rows
    )


_FIGURES = """\
# The protocol as a model: figures

Written by `make protocol`. [What they mean](README.md).

## Every state

{every}
## Negative controls

With one run and one fault. The search ends at the first violated property.

{controls}"""


def _main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--faults", type=int, default=2, help="of a configuration with one run (default 2)")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/protocol/figures.md")
    options = parser.parse_args()
    reason = missing()
    if reason is not None:
        print(reason, file=sys.stderr)
        return 1
    every, controls, wrong = [], [], 0
    for case in configurations(options.faults):
        checked = check(case)
        every.append((case, checked))
        wrong += checked.violated is not None
        states = f"{checked.states:,} states in {checked.seconds:.0f} s"
        print(f"{case}: {states}; violated: {checked.violated or 'nothing'}", flush=True)
    for case, expected in CONTROLS.items():
        checked = check(case)
        controls.append((case, checked))
        wrong += checked.violated != expected
        print(f"{case}: violated: {checked.violated or 'nothing'}; expected: {expected}", flush=True)
    if options.write:
        text = _FIGURES.format(every=_table(every), controls=_control_table(controls))
        (FOLDER / "figures.md").write_text(text, "utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(_main())
