"""Pushes log files into a data set: read ahead, sent meanwhile, and safe to repeat."""

from logleap.client.push._push import Push, Source, Stored
from logleap.client.push._rotation import follows, oldest_first

__all__ = ["Push", "Source", "Stored", "follows", "oldest_first"]
