"""Reads log files (plain text, NDJSON, JSON, CSV; gzipped or not) into entries for the API."""

from logleap.client.logfiles._entries import LogEntry, LogFileError
from logleap.client.logfiles._reader import FORMATS, Format, read_log

__all__ = ["FORMATS", "Format", "LogEntry", "LogFileError", "read_log"]
