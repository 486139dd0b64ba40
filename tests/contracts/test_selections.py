"""What every EntryStore and ArchiveStore reads in the time order, of each of LogLeap's own backends."""

import pytest

from logleap.testing.contracts.selections import *

pytestmark = pytest.mark.parametrize("way", ["memory", "local", "gcp"])
