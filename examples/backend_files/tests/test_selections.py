from logleap.testing.contracts.selections import *
