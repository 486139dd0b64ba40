"""The command line. Importing it is quick: each command imports what it needs when it runs."""

import click

from logleap.entrypoints.cli.calls import archive, artifacts, cancel, runs, status, train
from logleap.entrypoints.cli.demo import demo
from logleap.entrypoints.cli.entries import entries, export
from logleap.entrypoints.cli.log_models import compare, model, templates
from logleap.entrypoints.cli.operating.backup import backup, restore
from logleap.entrypoints.cli.operating.events import events
from logleap.entrypoints.cli.operating.gcp import gcp
from logleap.entrypoints.cli.operating.keys import keys
from logleap.entrypoints.cli.operating.service import serve, sweep, worker
from logleap.entrypoints.cli.push import push
from logleap.entrypoints.cli.report import report
from logleap.entrypoints.cli.score import score


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="logleap", message="%(prog)s %(version)s")
def main() -> None:
    """Collect logs as training data for models that find anomalies in them.

    Exit codes: 0 done, 1 refused or failed, 2 wrong usage or settings, 3 no answer from the server,
    4 timed out, 5 changes found (compare, score --fail-on). Every setting can be set as LOGLEAP_… in the
    environment; flags win.
    """


_CALLS = (push, train, cancel, status, runs, artifacts, report, entries, export, archive)
_LOG_MODELS = (compare, score, templates, model)
for command in (serve, worker, sweep, demo, *_CALLS, *_LOG_MODELS, keys, events, backup, restore, gcp):
    main.add_command(command)
