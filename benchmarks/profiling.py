"""Which functions an upload spends its time in, by cProfile, in this process and without a server."""

import cProfile
from collections.abc import Callable
from pathlib import Path
from types import CodeType

from benchmarks.report.results import Table, figure

_CALLS = 200
_SHOWN = 15


def table(title: str, call: Callable[[], object]) -> Table:
    """The functions with the most time of their own."""
    profile = cProfile.Profile()
    call()  # warm
    profile.enable()
    for _ in range(_CALLS):
        call()
    profile.disable()
    entries = sorted(profile.getstats(), key=lambda entry: -entry.inlinetime)
    whole = sum(entry.inlinetime for entry in entries)
    rows = [(*_named(entry.code), *_shares(entry.inlinetime, whole)) for entry in entries[:_SHOWN]]
    rows.append(("all others", "", *_shares(sum(entry.inlinetime for entry in entries[_SHOWN:]), whole)))
    note = (
        "Time of their own, without what they call, of one upload after the other, through WSGI, without its "
        "log line. The profiler makes calls of Python functions dearer than they are: look at the order, not "
        "at the figures."
    )
    return Table(title, ("function", "of", "share", "µs a call"), rows, note)


def _shares(seconds: float, whole: float) -> tuple[str, str]:
    return figure(seconds / whole), figure(seconds / _CALLS * 1e6)


def _named(code: str | CodeType) -> tuple[str, str]:
    if isinstance(code, str):
        return f"`{code}`", "built in"
    return f"`{code.co_qualname}`", "/".join(Path(code.co_filename).parts[-2:])
