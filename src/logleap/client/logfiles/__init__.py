"""Reads log files, of many formats and packed or not, into batches of entries for the API."""

from logleap.client.logfiles._entries.batches import Batch, Limits
from logleap.client.logfiles._errors import LogFileError, unreadable
from logleap.client.logfiles._logfile import FORMATS, LogFile
from logleap.client.logfiles._options import ReadOptions
from logleap.client.logfiles._report import Report
from logleap.client.logfiles._seam import Head, Seam
from logleap.client.logfiles._times.zones import named_zone

__all__ = [
    "FORMATS",
    "Batch",
    "Head",
    "Limits",
    "LogFile",
    "LogFileError",
    "ReadOptions",
    "Report",
    "Seam",
    "named_zone",
    "unreadable",
]
