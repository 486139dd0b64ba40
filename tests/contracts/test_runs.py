"""What every RunRepository promises, of LogLeap's own backends."""

from logleap.testing.contracts.runs import *
