"""`logleap gcp setup`, `logleap gcp check` and `logleap gcp terraform`."""

import json
import sys

import click

from logleap.entrypoints.cli.printing import output


@click.group()
def gcp() -> None:
    """Prepare a Google Cloud project, and check it."""


@gcp.command()
def setup() -> None:
    """Create what is missing: BigQuery dataset and tables, Pub/Sub topics and subscriptions. Repeatable."""
    with output.endings():
        from logleap.backends import gcp as backend
        from logleap.settings import load_settings

        failed = False
        for step in backend.setup(load_settings({"backend": "gcp"})):
            _tell(step.outcome, step.name, step.detail, step.remedy)
            failed = failed or step.outcome == "failed"
    if failed:
        sys.exit(output.FAILED)


@gcp.command()
def check() -> None:
    """Check project, permissions and resources: ok, or missing, with the command that fixes it."""
    with output.endings():
        from logleap.backends import gcp as backend
        from logleap.settings import load_settings

        missing = False
        for found in backend.check(load_settings({"backend": "gcp"})):
            _tell("ok" if found.ok else "missing", found.name, found.detail, found.remedy)
            missing = missing or not found.ok
    if missing:
        sys.exit(output.FAILED)


@gcp.command()
def terraform() -> None:
    """Print the same resources for Terraform, as main.tf.json: what the settings name."""
    with output.endings():
        from logleap.backends import gcp as backend
        from logleap.settings import load_settings

        configuration = backend.terraform(load_settings({"backend": "gcp"}))
        click.echo(json.dumps(configuration, indent=2, ensure_ascii=False))


def _tell(word: str, name: str, detail: str, remedy: str | None) -> None:
    click.echo(f"{word:<8} {name}: {detail}")
    for line in (remedy or "").splitlines():
        click.echo(f"         {line}")
