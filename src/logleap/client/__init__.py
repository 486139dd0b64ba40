"""What a program imports that sends its logs to LogLeap, or asks it for results."""

from logleap.client._api import ApiError, BadAddress, Client, Pushed, Unreachable

__all__ = ["ApiError", "BadAddress", "Client", "Pushed", "Unreachable"]
