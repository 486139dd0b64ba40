"""`logleap demo`: the main job, end to end, against a real server process."""

import io
import itertools
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, BinaryIO

import click

from logleap.entrypoints.cli.options import BACKEND_METAVAR
from logleap.entrypoints.cli.printing import output
from logleap.entrypoints.cli.printing.changes import describe_changes
from logleap.entrypoints.cli.printing.counts import counted

_BATCH = 500
_PLANTED = ("new-error", "disappeared", "tripled", "temperature")
_SEED = 7
_CONSOLE = "http://127.0.0.1:8080/console"
_LOGLEAP = (sys.executable, "-m", "logleap.entrypoints.cli")


@click.command()
@click.option("--backend", default="memory", show_default=True, metavar=BACKEND_METAVAR)
@click.pass_context
def demo(context: click.Context, backend: str) -> None:
    """Upload the sample log to a server of its own, over HTTP, and train on it; then clean up.

    At the end a second log, of a week in which things went wrong, is compared with the first.
    """
    with output.endings():
        from logleap.backends import capabilities_of

        capabilities = capabilities_of(backend)
    from logleap.client import Client
    from logleap.client.sample import sample_log

    say = _Steps()
    with ExitStack() as running:
        running.enter_context(output.call_endings())
        if _has_setup(context, backend):
            _run(backend, "setup")
            say(f"logleap {backend} setup made what the backend needs.")
        url = running.enter_context(_server(backend))
        say(f"A LogLeap server runs at {url}, backend {backend}.")
        if not capabilities.worker_inside:
            running.enter_context(_process("worker", "--backend", backend))
            say("A worker runs in its own process.")
        client = running.enter_context(Client(url))
        log = sample_log()
        batches = list(_batches(log))
        entries = sum(map(len, batches))
        first = batches[0][0]["message"]
        say(f"The sample log {log.name} has {counted(entries, 'entry')}; the first: {first!r}")
        data_id = client.announce("demo: sample log")["dataId"]
        say(f"POST /data created a data set: {data_id}")
        for number, batch in enumerate(batches):
            client.append(data_id, batch, key=f"demo-{number}")
        say(f"POST /data/{data_id} uploaded {counted(len(batches), 'batch')}; each was acknowledged.")
        repeated = client.append(data_id, batches[0], key="demo-0")
        say(f"The first batch was sent again, as after a lost answer: replayed is {repeated['replayed']}.")
        started = client.train(data_id, expected_entries=entries)
        say(f"POST /train/{data_id} started run {started['runId']}; its message is on the queue.")
        run = client.wait(data_id, timeout=120)
        say(f"The worker took the message and ran {run['task']}: the run has {run['state']}.")
        if capabilities.durable:
            archive = client.archive(data_id)["archive"]
            moved = counted(archive["entries"], "entry")
            say(f"POST /data/{data_id}/archive moved {moved} to {archive['url']}")
        click.echo("    The data set's log:")
        for event in client.events(data_id):
            click.echo(f"      {event['at'][11:23]}  {event['detail']}")
        found = run.get("result", {}).get("entries")
        if found != entries:
            output.finish(f"uploaded {counted(entries, 'entry')}, but the training said {run}", output.FAILED)
        click.echo(f"Counted lines: {found}")
        _compare(client, data_id, say)
    click.echo(f"The demo's server has stopped. To see such results in a browser: `{_serving()}`, then open")
    click.echo(f"{_CONSOLE}, upload {log}, and train on it.")


def _serving() -> str:
    """The command that starts a server, as whoever ran the demo would type it."""
    return "make serve" if "MAKELEVEL" in os.environ else "logleap serve"


def _compare(client: Any, before: str, say: "_Steps") -> None:
    """Train a log model of the first data set, and compare a later week of the application with it."""
    from logleap.client.sample.planted import plant

    client.train(before, task="log-model")
    model = client.wait(before, timeout=120)
    say(f"The task log-model mined its templates: {_summary(model)}")
    later, planted = plant(_PLANTED, _SEED)
    after = client.announce("demo: the week after")["dataId"]
    batches = list(_batches_of(io.BytesIO(later.text().encode()), "the week after"))
    for number, batch in enumerate(batches):
        client.append(after, batch, key=f"demo-{number}")
    size = sum(map(len, batches))
    say(f"A log of the week after, with {counted(size, 'entry')}, is in data set {after}. Planted in it:")
    for change in planted:
        click.echo(f"      {change.kind:<8} {change.message!r}, {counted(change.entries, 'entry')}")
    run = client.compare(before, after, timeout=120)
    say(f"logleap compare {before} {after} finds: {_summary(run)}")
    click.echo(textwrap.indent("\n".join(describe_changes(client.changes(after, run["runId"]))), "    "))


def _summary(run: Mapping[str, Any]) -> str:
    if run["state"] != "succeeded":
        output.finish(output.describe_run(run), output.FAILED)
    summary: str = run["result"]["summary"]
    return summary


def _has_setup(context: click.Context, backend: str) -> bool:
    """Whether the command line prepares the backend's services: `logleap gcp setup`."""
    commands = context.find_root().command
    group = commands.get_command(context, backend) if isinstance(commands, click.Group) else None
    return isinstance(group, click.Group) and group.get_command(context, "setup") is not None


class _Steps:
    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def __call__(self, text: str) -> None:
        click.echo(f"{next(self._numbers):>2}. {text}")


def _batches(log: Any) -> Iterator[list[dict[str, object]]]:
    with log.open("rb") as stream:
        yield from _batches_of(stream, log.name)


def _batches_of(stream: BinaryIO, name: str) -> Iterator[list[dict[str, object]]]:
    from logleap.client.logfiles import LogFile

    entries = LogFile(stream, name=name).entries()
    while batch := list(itertools.islice(entries, _BATCH)):
        yield batch


@contextmanager
def _server(backend: str) -> Iterator[str]:
    """A server process on a free port, and its URL."""
    with _process("serve", "--backend", backend, "--port", "0") as process:
        assert process.stdout is not None  # noqa: S101 -- for mypy
        for line in process.stdout:
            if " listens on " in line:
                yield line.split(" listens on ")[1].split()[0]
                return
        if (code := process.wait()) == output.USAGE:
            sys.exit(code)  # it has said why
        output.finish("the server did not start", code or output.FAILED)


@contextmanager
def _process(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A `logleap` process that is stopped at the end. What it has to complain about goes to stderr."""
    process = subprocess.Popen(  # noqa: S603
        [*_LOGLEAP, *arguments], stdout=subprocess.PIPE, text=True, env=_environment()
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)
        assert process.stdout is not None  # noqa: S101 -- for mypy
        process.stdout.close()


def _run(*arguments: str) -> None:
    """Run `logleap` to its end."""
    done = subprocess.run(  # noqa: S603
        [*_LOGLEAP, *arguments], capture_output=True, text=True, env=_environment(), check=False
    )
    if done.returncode != 0:
        output.finish(f"logleap {' '.join(arguments)}:\n{done.stdout}{done.stderr}", output.FAILED)


def _environment() -> dict[str, str]:
    # The demo's server listens on loopback, for the length of the demo, and serves a sample.
    return {"LOGLEAP_AUTH": "none", "LOGLEAP_LOG_LEVEL": "error", **os.environ}
