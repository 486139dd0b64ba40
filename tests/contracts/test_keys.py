"""What every KeyRepository promises, of LogLeap's own backends."""

from logleap.testing.contracts.keys import *
