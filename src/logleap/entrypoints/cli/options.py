"""Options of several commands."""

from collections.abc import Callable, Sequence

import click

BACKEND_METAVAR = "memory|local|gcp|package.module:function"
BACKEND = click.option("--backend", metavar=BACKEND_METAVAR, help="Where everything is kept (default local).")
DATA_DIR = click.option("--data-dir", metavar="FOLDER", help="The folder of the local backend.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def not_empty(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """The callback of an option that must not be empty: a variable of the shell was not set, most likely."""
    if value is not None and not value.strip():
        raise click.BadParameter("it is empty. Is a variable of the shell not set?")
    return value


def run_option(text: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The option of a command that may be about a run other than the usual one."""
    return click.option("--run", "run_id", metavar="RUN", callback=not_empty, help=text)


def some_of(names: Sequence[str]) -> Callable[[click.Context, click.Parameter, str | None], tuple[str, ...]]:
    """The callback of an option that takes some of these names, divided by commas."""

    def given(context: click.Context, option: click.Parameter, value: str | None) -> tuple[str, ...]:
        found = tuple(filter(None, (name.strip() for name in (value or "").split(","))))
        for name in found:
            if name not in names:
                raise click.BadParameter(f"{name!r} is not one of {', '.join(names)}.")
        return found

    return given
