"""Writes the sample log, the same bytes each time: python -m tools.sample_log [FILE]

With --plant, a later week of the same application with the named changes, and what was planted as JSON:

    python -m tools.sample_log after.log --seed 7 --plant new-error,tripled --truth planted.json
"""

import argparse
import json
from pathlib import Path

from logleap.client.sample import sample_log
from logleap.client.sample.orderline import SEED, order_line
from logleap.client.sample.planted import PLANTS, plant


def main() -> None:
    """Write what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="?", type=Path, default=sample_log(), metavar="FILE")
    parser.add_argument("--seed", type=int, default=SEED, help="of what is random, default %(default)s")
    parser.add_argument("--week", type=int, help="0 for that of the sample log; 1 with --plant or --truth")
    parser.add_argument("--plant", default="", metavar="A,B", help=f"of {', '.join(PLANTS)}")
    parser.add_argument("--truth", type=Path, metavar="FILE", help="where to write what was planted, as JSON")
    given = parser.parse_args()
    names = [name for name in given.plant.split(",") if name]
    if names or given.truth:
        try:
            line, planted = plant(names, given.seed, 1 if given.week is None else given.week)
        except ValueError as error:
            parser.error(str(error))
        if given.truth:
            truth = {"seed": given.seed, "planted": [change.to_json() for change in planted]}
            given.truth.write_text(json.dumps(truth, ensure_ascii=False, indent=2) + "\n", "utf-8")
    else:
        line = order_line(given.seed, given.week or 0)
    given.file.write_bytes(line.text().encode())


if __name__ == "__main__":
    main()
