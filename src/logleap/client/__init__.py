"""What a program imports to send logs to LogLeap and to get results from it."""

from logleap.client._api import Client, Pushed
from logleap.client._errors import ApiError, BadAddress, Incomplete, Unreachable

__all__ = ["ApiError", "BadAddress", "Client", "Incomplete", "Pushed", "Unreachable"]
