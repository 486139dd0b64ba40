"""What every EntryStore and ArchiveStore tells in a report, of each of LogLeap's own backends' ways."""

import pytest

from logleap.testing.contracts.reports import *

WAYS = (
    "memory",
    "local",
    "gcp",
    "gcp[table-per-dataset, streaming-insert]",
    "gcp[shared-table, storage-write]",
    "gcp[shared-table, streaming-insert]",
)

pytestmark = pytest.mark.parametrize("way", WAYS)
