"""What every ArtifactStore promises, of LogLeap's own backends."""

from logleap.testing.contracts.artifacts import *
