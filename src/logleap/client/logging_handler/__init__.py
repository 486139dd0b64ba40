"""A handler for Python's `logging` that sends log records to a data set."""

from logleap.client.logging_handler._handler import LogLeapHandler

__all__ = ["LogLeapHandler"]
