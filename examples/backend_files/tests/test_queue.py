from logleap.testing.contracts.queue import *
