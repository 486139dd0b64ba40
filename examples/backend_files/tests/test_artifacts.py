from logleap.testing.contracts.artifacts import *
