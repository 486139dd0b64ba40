"""`logleap compare`, `templates`, `model`: what a log model says, and what changed between two data sets."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from logleap.domain.log_models import MODEL_FILE
from logleap.entrypoints.cli.calls import server_options, store_artifact
from logleap.entrypoints.cli.options import run_option, some_of
from logleap.entrypoints.cli.printing import output
from logleap.entrypoints.cli.printing.changes import describe_changes

KINDS = ("new", "gone", "shifted", "value", "severity")
_TEXT = 160  # characters of a template's text


def read_patterns(file: Path | None) -> list[str]:
    """The lines of a file of known changes; blank ones and those that begin with # do not count."""
    if file is None:
        return []
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{file} cannot be read: {error}") from None
    return [line for line in lines if line.strip() and not line.startswith("#")]


@click.command()
@click.argument("before")
@click.argument("after")
@click.option(
    "--fail-on",
    metavar="KINDS",
    callback=some_of(KINDS),
    help=f"Exit with 5 if such changes are found: some of {','.join(KINDS)}.",
)
@click.option(
    "--ignore",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Known changes: in each line the id of a template, or a pattern of its text.",
)
@click.option("--train", "may_train", is_flag=True, help="Even if AFTER still takes uploads: they end.")
@click.option("--timeout", type=float, metavar="SECONDS", help="Give up after so long (exit code 4).")
@server_options
def compare(
    before: str,
    after: str,
    fail_on: Sequence[str],
    ignore: Path | None,
    may_train: bool,
    timeout: float | None,
    url: str,
    api_key: str | None,
    patience: float,
    as_json: bool,
) -> None:
    """Tell what changed from data set BEFORE, which has a log model, to data set AFTER.

    AFTER is trained against BEFORE in a run of its own; its current log model stays what it is.
    """
    from logleap.client import Client

    patterns = read_patterns(ignore)
    with output.call_endings(), Client(url, api_key=api_key, patience=patience) as client:
        if not may_train and client.dataset(after)["state"] in ("created", "uploading"):
            output.finish(
                f"data set {after} still takes uploads, and a comparison ends that. "
                "Add --train once all its entries are uploaded.",
                output.FAILED,
            )
        run = client.compare(before, after, ignore=patterns, timeout=timeout)
        if run["state"] != "succeeded":
            output.finish(output.describe_run(run), output.FAILED)
        found = client.changes(after, run["runId"])
    if as_json:
        output.print_json(found)
    else:
        click.echo("\n".join(describe_changes(found)))
    if any(change["kind"] in fail_on for change in found["changes"]):
        sys.exit(output.CHANGED)


@click.command()
@click.argument("dataset")
@run_option("Of this run (default: the current log model).")
@server_options
def templates(
    dataset: str, run_id: str | None, url: str, api_key: str | None, patience: float, as_json: bool
) -> None:
    """List the templates of a data set's log model, the most frequent first."""
    from logleap.client import Client

    with output.call_endings(), Client(url, api_key=api_key, patience=patience) as client:
        found = client.log_model(dataset, run_id)
    if as_json:
        output.print_json(found["templates"])
        return
    for template in found["templates"]:
        text = output.in_a_line(template["text"])
        shown = text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"
        click.echo(f"{template['count']:>11,}  {template['id']}  {template['severity'] or '-':<9}  {shown}")


@click.command()
@click.argument("dataset")
@click.option(
    "-o",
    "--output",
    "file",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    required=True,
    help="Where to store it.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "otel-drain"]),
    default="json",
    show_default=True,
    help="otel-drain: seed templates of OpenTelemetry Collector's drain processor.",
)
@run_option("Of this run (default: the current log model).")
@server_options
def model(
    dataset: str,
    file: str,
    form: str,
    run_id: str | None,
    url: str,
    api_key: str | None,
    patience: float,
    as_json: bool,
) -> None:
    """Store a data set's log model, as canonical JSON or as configuration of another program."""
    from logleap.client import Client
    from logleap.codecs.export.otel_drain import config

    with output.call_endings(), Client(url, api_key=api_key, patience=patience) as client:
        chosen = client.model_run(dataset)["runId"] if run_id is None else run_id
        if form == "otel-drain":
            found = client.log_model(dataset, chosen)
            with output.whole_file(Path(file)) as (part, _):
                part.write(config(found["templates"], found["digest"]).encode())
            if as_json:
                output.print_json({"runId": chosen, "file": file, "templates": len(found["templates"])})
            else:
                click.echo(f"Stored the templates of run {chosen} in {file}.")
            return
        store_artifact(client, dataset, MODEL_FILE, file, chosen, as_json=as_json, report={"runId": chosen})
