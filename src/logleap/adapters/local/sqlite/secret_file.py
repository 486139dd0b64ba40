"""A secret that the processes of a data folder share: a file beside the database, which backups leave out."""

import os
import secrets
from pathlib import Path

from logleap.adapters.files.durable import make_durable

FILE_NAME = "session-secret"
BYTES = 32


def shared_secret(folder: Path) -> bytes:
    """The secret of the folder, made if there is none. Raises OSError, also for a file that holds none."""
    path = folder / FILE_NAME
    if not path.exists():
        _make(path)
    secret = path.read_bytes()
    if len(secret) != BYTES:
        raise OSError(f"{path} holds no secret: remove it, and a new one is made")
    return secret


def _make(path: Path) -> None:
    """Make it complete under a name of its own; of several processes the first gives it its place."""
    draft = path.with_name(f"{path.name}-{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        make_durable(path.parent)
    finally:
        draft.unlink()
