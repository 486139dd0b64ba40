"""What every ReceiptLedger promises, of LogLeap's own backends."""

from logleap.testing.contracts.receipts import *
