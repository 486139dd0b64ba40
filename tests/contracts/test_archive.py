"""What every ArchiveStore promises, of LogLeap's own backends."""

from logleap.testing.contracts.archive import *
