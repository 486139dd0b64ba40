"""`logleap backup` and `logleap restore`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from logleap.entrypoints.cli.options import BACKEND, DATA_DIR
from logleap.entrypoints.cli.printing import output
from logleap.entrypoints.cli.printing.counts import counted

if TYPE_CHECKING:
    from logleap.backends.local import Contents

_FILE = click.argument("file", type=click.Path(path_type=Path))


@click.command()
@_FILE
@BACKEND
@DATA_DIR
def backup(file: Path, **flags: Any) -> None:
    """Copy the local backend's database to FILE, also while a server uses it, and verify the copy.

    Archives are files of their own: copy their folder afterwards.
    """
    with output.endings():
        from logleap.backends.local import back_up_local
        from logleap.settings import load_settings

        settings = load_settings(flags)
        made = back_up_local(settings, file)
    click.echo(f"{file}: {_holds(made)}.")
    if made.archives:
        click.echo(f"Archived data sets are not in it: copy the folder of {settings.archive_to} now.")
    _refuse_incomplete(made)


@click.command()
@_FILE
@BACKEND
@DATA_DIR
def restore(file: Path, **flags: Any) -> None:
    """Replace the local backend's database by the backup FILE. No server may be running on it.

    The files that it replaces are kept in a folder beside it.
    """
    with output.endings():
        from logleap.backends.local import restore_local
        from logleap.settings import load_settings

        settings = load_settings(flags)
        made, replaced = restore_local(settings, file)
    click.echo(f"{settings.data_dir} holds {_holds(made)}.")
    if replaced is not None:
        click.echo(f"The files that it replaced are in {replaced}: delete them when you no longer need them.")
    missing = made.missing_archives
    if missing:
        number = f"{len(missing):,} archives are" if len(missing) > 1 else "1 archive is"
        click.echo(f"{number} missing: put {missing[0]} back.", err=True)
    _refuse_incomplete(made)


def _holds(made: "Contents") -> str:
    archived = f", {len(made.archives):,} of them archived" if made.archives else ""
    until = f"{made.until:%Y-%m-%d %H:%M:%S} UTC"
    return f"{counted(made.datasets, 'data set')}{archived}, {counted(made.entries, 'entry')}, until {until}"


def _refuse_incomplete(made: "Contents") -> None:
    if made.incomplete:
        output.finish(
            f"entries are missing in {counted(len(made.incomplete), 'data set')}, also in the original: "
            f"{made.incomplete[0]}{' and others' if len(made.incomplete) > 1 else ''}. The rest is complete.",
            output.FAILED,
        )
