"""Output and exit codes of the commands."""

import contextlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NoReturn

import click

from logleap.domain.counts import counted
from logleap.domain.log_models import LOG_MODEL
from logleap.entrypoints.log_lines import note
from logleap.extras import ExtraMissing, needing

FAILED, USAGE, NO_ANSWER, TIMED_OUT, CHANGED = 1, 2, 3, 4, 5


def finish(message: str, code: int) -> NoReturn:
    """End the command with a message on stderr."""
    click.echo(f"logleap: {message}", err=True)
    sys.exit(code)


def fail(message: str, code: int) -> NoReturn:
    """`finish` for a command of the server, which must end even if nobody reads its stderr."""
    note(f"logleap: {message}", "stderr")
    sys.exit(code)


def print_json(value: object) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(value, ensure_ascii=False))


@contextlib.contextmanager
def endings() -> Iterator[None]:
    """Turn a wrong setting or a missing extra into a line on stderr and an exit code."""
    try:
        with needing("server", "This command"):
            from logleap.settings import SettingsError

            try:
                yield
            except SettingsError as error:
                fail(str(error), USAGE)
    except ExtraMissing as error:
        fail(str(error), USAGE)


@contextlib.contextmanager
def call_endings() -> Iterator[None]:
    """Turn the errors of a call to a server into a line on stderr and an exit code."""
    import stamina

    from logleap.client import ApiError, BadAddress, Incomplete, Unreachable

    stamina.instrumentation.set_on_retry_hooks([])  # its log lines would mix with the command's output
    try:
        yield
    except ApiError as error:
        finish(_refusal(str(error), error.problem), FAILED)
    except Incomplete as error:
        finish(str(error), FAILED)
    except BadAddress as error:
        finish(str(error), USAGE)
    except Unreachable as error:
        finish(f"{error} (start a server with: logleap serve)", NO_ANSWER)
    except TimeoutError as error:
        finish(str(error), TIMED_OUT)


@contextlib.contextmanager
def whole_file(target: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """The client's, which ends the command if the file cannot be written."""
    from logleap.client._files import whole_file as written

    try:
        with written(target) as found:
            yield found
    except OSError as error:
        finish(f"{target} cannot be written: {error.strerror}.", FAILED)


def _refusal(detail: str, problem: Mapping[str, Any]) -> str:
    errors = problem.get("errors")  # of whatever answered
    named = [
        f"\n  entry {error.get('index')}"
        + (f", {error['field']}" if "field" in error else "")
        + f": {error.get('detail')}"
        for error in (errors[:10] if isinstance(errors, list) else ())
        if isinstance(error, dict)
    ]
    return detail + "".join(named)


def in_a_line(text: str) -> str:
    """The text in one line: line breaks and terminal control characters are escaped."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def describe_run(run: Mapping[str, Any]) -> str:
    """One line about a run."""
    line = f"run {run['runId']} of {run['task']} on {counted(run['entries'], 'entry')}: {run['state']}"
    if "result" in run and run["task"] == LOG_MODEL:
        changes = run["result"].get("changes")
        since = f" Changes since the baseline: {changes['total']:,}." if changes else ""
        return f"{line}. {in_a_line(run['result']['summary'])}{since}"
    if "result" in run:
        return f"{line}, result {json.dumps(run['result'], ensure_ascii=False)}"
    if "error" in run:
        return f"{line}, {run['error']['code']}: {run['error']['detail']}"
    return line


def describe_dataset(dataset: Mapping[str, Any]) -> str:
    """One line about a data set."""
    name = f"  {in_a_line(dataset['name'])}" if dataset["name"] else ""
    return (
        f"{dataset['dataId']}  {dataset['state']:<9}  {counted(dataset['entries'], 'entry'):>17}"
        f"  {dataset['createdAt'][:19]}Z{name}"
    )
