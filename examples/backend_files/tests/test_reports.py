from logleap.testing.contracts.reports import *
