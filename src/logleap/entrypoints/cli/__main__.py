"""`python -m logleap.entrypoints.cli`, the same as `logleap`."""

from logleap.entrypoints.cli import main

main(prog_name="logleap")
