from logleap.testing.contracts.datasets import *
