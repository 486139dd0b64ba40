"""The parts of a backend, for commands that work on it beside its servers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from logleap.entrypoints.cli.printing import output

if TYPE_CHECKING:
    from logleap.container import Container


@contextmanager
def opened(flags: dict[str, Any], check: Callable[["Container"], None]) -> Iterator["Container"]:
    """The use cases of the settings, the backend closed afterwards; ends the command where that fails.

    `check` is called before the backend is opened, and raises SettingsError if it lacks what is needed.
    """
    with output.endings():
        from logleap.container import Container
        from logleap.ports.errors import Unavailable
        from logleap.settings import load_settings

        container = Container(settings=load_settings(flags))
        check(container)
        backend = container.backend()
        try:
            yield container
        except Unavailable as error:
            output.finish(str(error), output.NO_ANSWER)
        finally:
            backend.close()
