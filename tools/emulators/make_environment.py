"""Makes the environment of the BigQuery emulator.

    python -m tools.emulators.make_environment --uv .venv/bin/uv

Nothing is done where it is there already, made from the same lock.
"""

import sys

from tools.emulators import bigquery_environment
from tools.environments import locked

if __name__ == "__main__":
    sys.exit(locked.command("the environment of the BigQuery emulator", bigquery_environment.make))
