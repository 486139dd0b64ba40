"""An alias of `logleap.client.logging_handler`, for configurations that name it."""

from logleap.client.logging_handler import LogLeapHandler

__all__ = ["LogLeapHandler"]
