"""What use cases are given besides ports."""

from collections.abc import Callable
from datetime import datetime

Clock = Callable[[], datetime]
"""The current time, in UTC."""

IdMaker = Callable[[], str]
"""A new id that nobody has used before."""
