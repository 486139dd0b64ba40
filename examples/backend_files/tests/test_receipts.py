from logleap.testing.contracts.receipts import *
