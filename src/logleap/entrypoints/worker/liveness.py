"""Liveness file: its mtime shows that the worker is making progress. For container probes."""

import logging
import time
from pathlib import Path

from logleap.settings import SettingsError

log = logging.getLogger(__name__)

MIN_INTERVAL_SECONDS = 1.0
"""Between two touches."""


class LivenessFile:
    """Touches a file at each call, once per second at most. Raises SettingsError if it cannot be created."""

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
        """The worker makes progress."""
        now = time.monotonic()
        if now - self._last < MIN_INTERVAL_SECONDS:
            return
        self._last = now
        try:
            self._file.touch()
        except OSError as error:
            # No reason to stop a training: the probe sees that the file grows old.
            log.warning("cannot touch the liveness file: %s", error)
