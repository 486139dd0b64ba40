from logleap.testing.contracts.archive import *
