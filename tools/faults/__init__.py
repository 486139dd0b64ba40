"""The attack on the promise: `make faults`."""
