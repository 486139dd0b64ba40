"""Installations to attack: `local` on a SQLite file, and `gcp` on the emulators of Google's services."""

import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from logleap import backends
from logleap.adapters.local.sqlite.database import FILE_NAME
from logleap.backends import Backend
from logleap.settings import load_settings
from tools.emulators import Emulators
from tools.faults.cluster import environment
from tools.faults.harness import Harness, backend_in, memory_backend

SERVICES = {
    "Firestore": ["FIRESTORE_EMULATOR_HOST"],
    "Pub/Sub": ["PUBSUB_EMULATOR_HOST"],
    "BigQuery": ["BIGQUERY_EMULATOR_HOST", "BIGQUERY_STORAGE_EMULATOR_HOST"],
}
"""The settings that lead to each of the emulators."""

_LOGLEAP = (sys.executable, "-m", "logleap.entrypoints.cli")


@dataclass(frozen=True)
class Installation:
    """The settings of its processes, and how the harness looks into its store, past whatever they suffer."""

    settings: Mapping[str, str]
    folder: Path
    open_backend: Callable[[], AbstractContextManager[Backend]]
    check: Callable[[], None]  # raises EmulatorError when what it stands on does not answer any more

    def with_settings(self, **changed: str) -> "Installation":
        """The same, but its processes are told otherwise."""
        return replace(self, settings={**self.settings, **changed})

    def is_locked(self) -> bool:
        """Whether somebody is writing to the SQLite file for longer than a second."""
        with contextlib.closing(sqlite3.connect(self.folder / "data" / FILE_NAME, timeout=1)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
            connection.rollback()
            return False


@contextlib.contextmanager
def local_installation(disk: Path | None = None) -> Iterator[Installation]:
    """One on a SQLite file in a folder that is removed, on the `disk` if there is one."""
    with tempfile.TemporaryDirectory(prefix="logleap-faults-", dir=disk) as name:
        folder = Path(name)

        @contextlib.contextmanager
        def open_backend() -> Iterator[Backend]:
            backend = backend_in("local", folder / "data")
            try:
                yield backend
            finally:
                backend.close()

        yield Installation(environment("local", folder), folder, open_backend, lambda: None)


@contextlib.contextmanager
def emulated_installation(emulators: Emulators, *, writer: str = "storage-write") -> Iterator[Installation]:
    """One on the emulators of Google's services, with names of its own."""
    name = f"f{uuid4().hex[:12]}"
    with tempfile.TemporaryDirectory(prefix="logleap-faults-") as folder:
        settings = environment(
            "gcp",
            Path(folder),
            **emulators.exports(),
            LOGLEAP_FIRESTORE_PREFIX=name,
            LOGLEAP_BIGQUERY_DATASET=name,
            LOGLEAP_BIGQUERY_WRITER=writer,
            LOGLEAP_PUBSUB_TOPIC=f"{name}-training",
            LOGLEAP_PUBSUB_SUBSCRIPTION=f"{name}-worker",
            LOGLEAP_RUN_LEASE="3",
            LOGLEAP_RUN_PATIENCE="6",
            LOGLEAP_SWEEP_INTERVAL="0.5",
        )
        variables = {**os.environ, **settings}
        subprocess.run(
            [*_LOGLEAP, "gcp", "setup"], env=variables, check=True, timeout=120, capture_output=True
        )

        @contextlib.contextmanager
        def open_backend() -> Iterator[Backend]:
            with changed_environment(settings):  # to its end: Google's clients are made when first used
                backend = backends.open_backend(load_settings())
                try:
                    yield backend
                finally:
                    backend.close()

        yield Installation(settings, Path(folder), open_backend, emulators.check_answers)


@contextlib.contextmanager
def emulated_harnesses(site: Installation) -> Iterator[Callable[[], Harness]]:
    """Makes harnesses, with the use cases in this process, on the emulators of a `site`.

    But the queue, which there is slow to say that it is empty, is in memory, and outlives restarts.
    """
    with changed_environment(site.settings):  # to its end: Google's clients are made when first used

        def make() -> Harness:
            queue = memory_backend().queue
            return Harness(lambda: replace(backends.open_backend(load_settings()), queue=queue))

        yield make


@contextlib.contextmanager
def changed_environment(settings: Mapping[str, str]) -> Iterator[None]:
    """This process's environment with `settings` in it."""
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
