from logleap.testing.contracts.runs import *
