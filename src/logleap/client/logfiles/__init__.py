"""Reads log files, of many formats and packed or not, into batches of entries for the API."""

from logleap.client.logfiles.entries import Batch, Limits
from logleap.client.logfiles.errors import LogFileError
from logleap.client.logfiles.logfile import FORMATS, LogFile
from logleap.client.logfiles.options import ReadOptions
from logleap.client.logfiles.report import Report

__all__ = ["FORMATS", "Batch", "Limits", "LogFile", "LogFileError", "ReadOptions", "Report"]
