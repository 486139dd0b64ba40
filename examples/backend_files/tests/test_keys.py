from logleap.testing.contracts.keys import *
