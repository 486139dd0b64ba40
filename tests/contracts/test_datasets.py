"""What every DatasetRepository promises, of LogLeap's own backends."""

from logleap.testing.contracts.datasets import *
