"""The log clients that the tests send with."""
