"""A file whose age tells whether the worker gets on: for what watches a container."""

import logging
import time
from pathlib import Path

from logleap.settings import SettingsError

log = logging.getLogger(__name__)

_PACE = 1.0  # seconds between two touches


class Heartbeat:
    """Touches a file at each call, once a second at most. Raises SettingsError if it can't be made."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._last = time.monotonic()
        try:
            file.touch()
        except OSError as error:
            raise SettingsError(
                f"LOGLEAP_HEARTBEAT_FILE is {str(file)!r}: cannot write it: {error}."
            ) from error

    def __call__(self) -> None:
        """The worker gets on."""
        now = time.monotonic()
        if now - self._last < _PACE:
            return
        self._last = now
        try:
            self._file.touch()
        except OSError as error:
            # No reason to stop a training: whoever looks at the file sees that it grows old.
            log.warning("heartbeat: %s", error)
