"""The emulators as a command.

    python -m tools.emulators [--only firestore,pubsub]

starts them, prints the exports and stays until Ctrl-C or SIGTERM;

    python -m tools.emulators --exec COMMAND …

runs one command with them and ends with its exit code.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType

from tools.emulators import NAMES, EmulatorError, Emulators


def _serve(emulators: Emulators) -> int:
    """Print the exports and stay until a signal says otherwise."""
    for name, value in emulators.exports().items():
        print(f"export {name}={value}")
    print(f"# Ready. Ctrl-C here, or `kill {os.getpid()}`, stops them and drops all they hold.", flush=True)
    while True:
        time.sleep(1)
        emulators.check()


def _run(command: Sequence[str], variables: dict[str, str]) -> int:
    """Run `command` to its end with `variables` set; its exit code, 128 + N when signal N ended it."""
    with subprocess.Popen(command, env={**os.environ, **variables}) as child:
        # Ctrl-C reaches the command from the terminal by itself, SIGTERM is passed on; it ends when it likes.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        code = child.wait()
    return code if code >= 0 else 128 - code


def _main() -> int:
    parser = argparse.ArgumentParser(description="Start emulators of Google Cloud on free loopback ports.")
    parser.add_argument("--only", default=",".join(NAMES), metavar="A,B", help="e.g. firestore,pubsub")
    parser.add_argument("--exec", nargs=argparse.REMAINDER, metavar="COMMAND", help="run it, then stop them")
    arguments = parser.parse_args()
    if arguments.exec == []:
        parser.error("--exec needs a command")

    def interrupted(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, interrupted)
    try:
        with Emulators(arguments.only.split(",")) as emulators:
            if arguments.exec is None:
                return _serve(emulators)
            return _run(arguments.exec, emulators.exports())
    except KeyboardInterrupt:
        return 0 if arguments.exec is None else 130
    except (EmulatorError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(_main())
