from logleap.testing.contracts.entries import *
