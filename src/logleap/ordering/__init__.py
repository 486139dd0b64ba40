"""Entries in the time order, in bounded memory: what does not fit waits in a temporary file."""
