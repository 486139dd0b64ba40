"""`logleap events`."""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from logleap.domain.counts import counted
from logleap.entrypoints.cli.operating.opened import opened
from logleap.entrypoints.cli.options import BACKEND, DATA_DIR, JSON
from logleap.entrypoints.cli.printing import output

if TYPE_CHECKING:
    from logleap.container import Container
    from logleap.domain.events import WaitingEvent
    from logleap.ports.events import EventOutbox

_ALL = "all"
_PAGE = 500


@click.command()
@click.option("--dead", is_flag=True, help="Show the dead letters alone.")
@click.option("--limit", type=click.IntRange(1), default=100, help="Show so many of each (default 100).")
@click.option(
    "--resend",
    multiple=True,
    metavar="ID|all",
    help="Send this event again, or at once if it waits; all: all dead letters. May be repeated.",
)
@click.option(
    "--discard",
    multiple=True,
    metavar="ID|all",
    help="Remove this dead letter; all: all of them. May be repeated.",
)
@BACKEND
@DATA_DIR
@JSON
def events(
    dead: bool,
    limit: int,
    resend: tuple[str, ...],
    discard: tuple[str, ...],
    as_json: bool,
    **flags: Any,
) -> None:
    """List the events that wait for their delivery and the dead letters, or send some again.

    A server or a worker with LOGLEAP_EVENTS_URL or LOGLEAP_EVENTS_TOPIC delivers them.
    """
    with _opened(flags) as outbox:
        from logleap.container import utc_now

        if resend or discard:
            sent = _each(outbox, resend, lambda event_id: outbox.resend(event_id, utc_now()))
            gone = _each(outbox, discard, outbox.discard)
            if as_json:
                output.print_json({"resent": sent, "discarded": gone})
            else:
                click.echo(f"{sent} to be sent again, {gone} discarded.")
            return
        backlog = outbox.backlog()
        found = [] if dead else list(outbox.list(dead=False, limit=limit))
        found += outbox.list(dead=True, limit=limit)
    shown = [_shown(event) for event in found]
    if as_json:
        output.print_json({"waiting": backlog.waiting, "dead": backlog.dead, "events": shown})
        return
    click.echo(f"{backlog.waiting:,} waiting, {backlog.dead:,} dead.")
    for event in shown:
        state = "dead" if event["deadAt"] else "waiting"
        line = f"{state:<7}  {event['time']}  {event['type']}  {event['dataId']}  {event['id']}"
        why = (
            f"  {counted(event['attempts'], 'attempt')}, the last: {event['error']}" if event["error"] else ""
        )
        click.echo(line + output.in_a_line(why))


def _each(outbox: "EventOutbox", ids: tuple[str, ...], change: Callable[[str], bool]) -> int:
    """Change each of these events; of how many that was true. Ends the command at one that is not there."""
    changed = 0
    for event_id in ids:
        if event_id == _ALL:
            while letters := outbox.list(dead=True, limit=_PAGE):
                changed += sum(change(letter.event.event_id) for letter in letters)
        elif change(event_id):
            changed += 1
        else:
            said = (
                f"There is no such event {event_id!r}, or not any more: logleap events shows those that are."
            )
            output.finish(said, output.FAILED)
    return changed


def _check(container: "Container") -> None:
    from logleap.settings import SettingsError

    if not container.capabilities().shared:
        raise SettingsError(
            f"LOGLEAP_BACKEND is {container.settings().backend!r}, which processes cannot share: this "
            "command would not see the server's events."
        )


@contextlib.contextmanager
def _opened(flags: dict[str, Any]) -> Iterator["EventOutbox"]:
    with opened(flags, _check) as container:
        from logleap.settings import SettingsError

        outbox = container.backend().events
        if outbox is None:
            backend = container.settings().backend
            raise SettingsError(f"LOGLEAP_BACKEND is {backend!r}, which stores no events.")
        yield outbox


def _shown(waiting: "WaitingEvent") -> dict[str, Any]:
    from logleap.codecs.cloud_events import TYPE_PREFIX
    from logleap.entrypoints.http.contract.responses import time

    event = waiting.event
    return {
        "id": event.event_id,
        "type": TYPE_PREFIX + event.kind,
        "dataId": event.dataset_id,
        "owner": event.owner,
        "time": time(event.at),
        "attempts": waiting.attempts,
        "error": waiting.error,
        "deadAt": time(waiting.dead_at) if waiting.dead_at is not None else None,
    }
