"""What a program imports to send logs to LogLeap and to get results from it."""

from logleap.client._api import ApiError, BadAddress, Client, Incomplete, Pushed, Unreachable

__all__ = ["ApiError", "BadAddress", "Client", "Incomplete", "Pushed", "Unreachable"]
