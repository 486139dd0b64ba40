"""Makes the environment of what LogLeap is compared with.

    python -m benchmarks.competitors.make_environment --uv .venv/bin/uv

Nothing is done where it is there already, made from the same lock.
"""

import sys

from benchmarks.competitors import programs
from tools.environments import locked

if __name__ == "__main__":
    sys.exit(locked.command("what the benchmark compares with", programs.make))
