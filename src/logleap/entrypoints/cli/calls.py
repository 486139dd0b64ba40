"""`logleap train`, `runs`, `artifacts`, `cancel`, `status`, `archive`: commands that call a server."""

import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from logleap.domain.counts import counted
from logleap.domain.log_models import LOG_MODEL
from logleap.entrypoints.cli.options import JSON, run_option
from logleap.entrypoints.cli.printing import output
from logleap.entrypoints.cli.printing.changes import describe_changes

if TYPE_CHECKING:
    from logleap.client import Client

_Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def server_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of every command that calls a server."""
    for option in (
        JSON,
        click.option(
            "--patience",
            default=60.0,
            show_default=True,
            help="Seconds to keep retrying without an answer.",
        ),
        click.option(
            "--api-key", envvar="LOGLEAP_API_KEY", help="<keyId>.<secret>; better in LOGLEAP_API_KEY."
        ),
        click.option(
            "--url",
            envvar="LOGLEAP_URL",
            default="http://127.0.0.1:8080",
            show_default=True,
            help="The server.",
        ),
    ):
        command = option(command)
    return command


def wait_options(command: Callable[..., None]) -> Callable[..., None]:
    """How long a command waits for a training that it starts."""
    command = click.option(
        "--timeout", type=float, help="With --wait: give up after so many seconds (exit code 4)."
    )(command)
    return click.option("--wait", is_flag=True, help="Wait until the training has ended.")(command)


@click.command()
@click.argument("dataset")
@click.option("--task", help="The training task (default: the server's).")
@click.option(
    "--baseline",
    metavar="ID|previous",
    help="Train a log model, and tell the changes since this data set, or the previous one of the name.",
)
@click.option(
    "--expect", type=click.IntRange(0), metavar="N", help="Start only if exactly N entries were acknowledged."
)
@click.option(
    "--time-limit", type=click.IntRange(1), metavar="SECONDS", help="Fail the run if it takes longer."
)
@wait_options
@server_options
def train(
    dataset: str,
    task: str | None,
    baseline: str | None,
    expect: int | None,
    time_limit: int | None,
    wait: bool,
    timeout: float | None,
    url: str,
    api_key: str | None,
    patience: float,
    as_json: bool,
) -> None:
    """Start the training of a data set."""
    from logleap.client import Client

    if baseline is not None and task not in (None, LOG_MODEL):
        raise click.UsageError(f"--baseline is for the task {LOG_MODEL} alone.")
    parameters = {"baseline": baseline} if baseline is not None else None
    task = LOG_MODEL if baseline is not None else task
    asked = {"task": task, "parameters": parameters, "expected_entries": expect, "time_limit": time_limit}
    with output.call_endings(), Client(url, api_key=api_key, patience=patience) as client:
        start_training(client, dataset, asked, wait=wait, timeout=timeout, as_json=as_json, report={})


@click.command()
@click.argument("dataset")
@run_option("Only this run (default: the latest).")
@wait_options
@server_options
def cancel(
    dataset: str,
    run_id: str | None,
    wait: bool,
    timeout: float | None,
    url: str,
    api_key: str | None,
    patience: float,
    as_json: bool,
) -> None:
    """Cancel the training run of a data set: it fails, and stores no result."""
    from logleap.client import Client

    with output.call_endings(), Client(url, api_key=api_key, patience=patience) as client:
        run = client.cancel(dataset, run_id)
        if wait:
            run = client.wait(dataset, timeout=timeout, run_id=run["runId"])
    if as_json:
        output.print_json(run)
    elif run["state"] == "running":
        click.echo(f"Run {run['runId']} is being cancelled: its task has been told to stop.")
    else:
        click.echo(output.describe_run(run))


@click.command()
@click.argument("dataset")
@server_options
def runs(dataset: str, url: str, api_key: str | None, patience: float, as_json: bool) -> None:
    """List all training runs of a data set, newest first."""
    from logleap.client import Client

    with output.call_endings(), Client(url, api_key=api_key, patience=patience) as client:
        found = client.runs(dataset)
        if as_json:
            output.print_json(list(found))
            return
        for run in found:
            click.echo(f"{run['createdAt'][:19]}Z  {output.describe_run(run)}")


@click.command()
@click.argument("dataset")
@click.argument("name", required=False)
@click.option(
    "-o",
    "--output",
    "file",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Where to store the artifact (default: NAME in this folder).",
)
@run_option("Of this run (default: the latest that saved any).")
@server_options
def artifacts(
    dataset: str,
    name: str | None,
    file: str | None,
    run_id: str | None,
    url: str,
    api_key: str | None,
    patience: float,
    as_json: bool,
) -> None:
    """List the files that a training run of a data set saved, or store one of them."""
    from logleap.client import Client

    if name is None and file is not None:
        raise click.UsageError("-o needs the NAME of an artifact.")
    with output.call_endings(), Client(url, api_key=api_key, patience=patience) as client:
        if name is not None:
            store_artifact(client, dataset, name, file or name, run_id, as_json=as_json)
            return
        found = client.artifacts(dataset, run_id)
    if as_json:
        output.print_json(found)
        return
    if not found["artifacts"]:
        click.echo("No run has saved an artifact." if found["runId"] is None else "It saved no artifact.")
    for each in found["artifacts"]:
        click.echo(f"{each['size']:>12}  {each['sha256'][:16]}…  {each['mediaType']:<26}  {each['name']}")


@click.command()
@click.argument("dataset")
@server_options
def archive(dataset: str, url: str, api_key: str | None, patience: float, as_json: bool) -> None:
    """Archive a data set's entries as a Parquet file, verify it, and remove them from the store."""
    from logleap.client import Client

    with output.call_endings(), Client(url, api_key=api_key, patience=patience, timeout=600) as client:
        archived = client.archive(dataset)
    if as_json:
        output.print_json(archived)
    else:
        click.echo(
            f"Archived {counted(archived['archive']['entries'], 'entry')} in {archived['archive']['url']}"
        )


@click.command()
@click.argument("dataset", required=False)
@server_options
def status(dataset: str | None, url: str, api_key: str | None, patience: float, as_json: bool) -> None:
    """Show one data set with its log and latest run, or list all."""
    from logleap.client import Client

    with output.call_endings(), Client(url, api_key=api_key, patience=patience) as client:
        if dataset is None:
            datasets = list(client.datasets())
            if as_json:
                output.print_json(datasets)
            for shown in datasets if not as_json else ():
                click.echo(output.describe_dataset(shown))
            return
        found = client.dataset(dataset)
        run = client.run(dataset) if found["runId"] else None
        if as_json:
            output.print_json({**found, "run": run})
            return
        click.echo(output.describe_dataset(found))
        for field, what in (("archiveAt", "archived at"), ("deleteAt", "deleted, at the earliest, at")):
            if field in found:
                click.echo(f"  to be {what} {found[field][:19]}Z")
        for event in client.events(dataset):
            click.echo(f"  {event['at'][:23]}Z  {event['detail']}")
        if run is not None:
            click.echo(f"  {output.describe_run(run)}")


def store_artifact(
    client: "Client",
    data_id: str,
    name: str,
    file: str,
    run_id: str | None,
    *,
    as_json: bool,
    report: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Stores an artifact in a file, and tells its size and digest; in JSON also what `report` has."""
    try:
        saved = client.save_artifact(data_id, name, file, run_id)
    except OSError as error:
        output.finish(f"{file} cannot be written: {error.strerror or error}", output.FAILED)
    if as_json:
        output.print_json({**saved, **report, "file": file})
    else:
        click.echo(f"Stored {counted(saved['size'], 'byte')} in {file}, SHA-256 {saved['sha256']}")


def start_training(
    client: "Client",
    data_id: str,
    asked: dict[str, Any],
    *,
    wait: bool,
    timeout: float | None,
    as_json: bool,
    report: dict[str, Any],
) -> None:
    """Starts the training, or takes the run that somebody else has started, and tells what became of it."""
    from logleap.client import ApiError

    try:
        run_id = client.train(data_id, **asked)["runId"]
    except ApiError as error:
        if error.code != "RUN_IN_PROGRESS" or any(value is not None for value in asked.values()):
            raise
        run_id = client.run(data_id)["runId"]  # somebody started it before: that is what was asked for
    run = client.wait(data_id, timeout=timeout, run_id=run_id) if wait else client.run(data_id, run_id)
    if as_json:
        output.print_json({**report, "dataId": data_id, "runId": run_id, "run": run})
    else:
        click.echo(output.describe_run(run))
        if run["task"] == LOG_MODEL and "changes" in run.get("result", {}):
            click.echo("\n".join(describe_changes(client.changes(data_id, run["runId"]))))
    if run["state"] == "failed":
        sys.exit(output.FAILED)
