"""For Python's `logging`: a handler that sends what a program logs to a data set."""

from logleap.client.logging_handler._handler import LogLeapHandler

__all__ = ["LogLeapHandler"]
