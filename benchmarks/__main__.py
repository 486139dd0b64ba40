"""All comparisons in one command: `make bench`. Prints what each part finds and writes docs/benchmarks.md.

    python -m benchmarks [--parts decode,upload] [--quick]

What a part finds is kept in build/benchmarks/, and the page is written after each part from all that is
kept: a run that broke off is taken up again with the parts that are left. With `--quick` nothing is kept or
written.
"""

import argparse
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from benchmarks.iterations import FULL, QUICK, Iterations
from benchmarks.parts import (
    comparison,
    console,
    decode,
    end_to_end,
    entries,
    gcp,
    intake,
    large_dataset,
    many_datasets,
    model,
    push,
    score,
    training,
    upload,
)
from benchmarks.report import document, saved_results
from benchmarks.report.results import TARGETS_HEADER, Findings, table

PARTS: Mapping[str, Callable[[Iterations], Findings]] = {
    "decode": decode.run,
    "end_to_end": end_to_end.run,
    "comparison": comparison.run,
    "gcp": gcp.run,
    "upload": upload.run,
    "push": push.run,
    "large_dataset": large_dataset.run,
    "many_datasets": many_datasets.run,
    "entries": entries.run,
    "intake": intake.run,
    "training": training.run,
    "model": model.run,
    "console": console.run,
    "score": score.run,
}


def main() -> int:
    """Run the parts that are asked for; 1 if one of them broke."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", default="", metavar="A,B", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="few and short rounds: to see that it works")
    arguments = parser.parse_args()
    chosen = [name for name in arguments.parts.split(",") if name] or list(PARTS)
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}. There are {', '.join(PARTS)}.")

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what runs is stopped, as by Ctrl-C
    broken = []
    for name in chosen:
        print(f"{name} …", file=sys.stderr, flush=True)
        run = _run(name, QUICK if arguments.quick else FULL)
        if run.broke is not None:
            broken.append(name)
        print(_shown(run.findings), flush=True)
        print(f"{name}: {run.seconds:.0f} s\n", file=sys.stderr, flush=True)
        if not arguments.quick:
            saved_results.keep(name, run)
            document.write({part: found for part in PARTS if (found := saved_results.of(part)) is not None})
    if broken:
        print(f"Broke: {','.join(broken)}. Again: make bench PARTS={','.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


def _run(name: str, iterations: Iterations) -> saved_results.Run:
    began, busy, start = datetime.now(UTC), os.getloadavg()[0], time.monotonic()
    findings, broke = Findings(), None
    try:
        findings = PARTS[name](iterations)
    except Exception as error:  # noqa: BLE001 -- the other parts still count, and the page says so
        traceback.print_exc()
        broke = f"{type(error).__name__}: {error}"
    return saved_results.Run(began, time.monotonic() - start, busy, document.commit(), findings, broke)


def _shown(findings: Findings) -> str:
    parts = [shown.markdown() for shown in findings.tables]
    if findings.targets:
        parts.append(table(TARGETS_HEADER, [target.row() for target in findings.targets]))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(main())
