"""The protocol as a model: spin searches all its states."""
