"""All comparisons in one command: `make bench`. Prints what each part finds and writes docs/benchmarks.md.

    python benchmarks/bench.py [--only decode,ends] [--quick]

With `--only` or `--quick` nothing is written: the page holds the figures of one whole run.
"""

import argparse
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import crowd
import decoding
import document
import ends
import googlecloud
import intake
import many
import upload
import versus
from effort import FULL, QUICK, Effort
from results import TARGETS_HEADER, Findings, table

PARTS: Mapping[str, Callable[[Effort], Findings]] = {
    "decode": decoding.run,
    "ends": ends.run,
    "rivals": versus.run,
    "gcp": googlecloud.run,
    "upload": upload.run,
    "many": many.run,
    "crowd": crowd.run,
    "intake": intake.run,
}


def main() -> int:
    """Run the parts that are asked for; 1 if one of them broke."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", metavar="A,B", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="few and short rounds: to see that it works")
    arguments = parser.parse_args()
    chosen = [name for name in arguments.only.split(",") if name] or list(PARTS)
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}. There are {', '.join(PARTS)}.")

    began, load = datetime.now(UTC), os.getloadavg()[0]
    found: dict[str, Findings] = {}
    broken: dict[str, str] = {}
    for name in chosen:
        start = time.monotonic()
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            found[name] = PARTS[name](QUICK if arguments.quick else FULL)
        except Exception as error:  # noqa: BLE001 -- the other parts still count, and the page says so
            traceback.print_exc()
            broken[name] = f"{type(error).__name__}: {error}"
        else:
            print(_shown(found[name]), flush=True)
        print(f"{name}: {time.monotonic() - start:.0f} s\n", file=sys.stderr, flush=True)
    if not arguments.only and not arguments.quick:
        document.write(found, broken, began, load)
    return 1 if broken else 0


def _shown(findings: Findings) -> str:
    parts = [shown.markdown() for shown in findings.tables]
    if findings.targets:
        parts.append(table(TARGETS_HEADER, [target.row() for target in findings.targets]))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(main())
