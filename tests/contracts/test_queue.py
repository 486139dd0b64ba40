"""What every TrainingQueue promises, of LogLeap's own backends."""

from logleap.testing.contracts.queue import *
