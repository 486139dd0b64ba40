"""What every EntryStore promises, of LogLeap's own backends and each of their ways."""

import pytest

from logleap.testing.contracts.entries import *

WAYS = (
    "memory",
    "local",
    "gcp",
    "gcp[table-per-dataset, streaming-insert]",
    "gcp[shared-table, storage-write]",
    "gcp[shared-table, streaming-insert]",
)

pytestmark = pytest.mark.parametrize("way", WAYS)
