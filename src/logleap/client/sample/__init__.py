"""A sample log, to try LogLeap with: five days of an invented warehouse controller, a .NET application.

`tools/sample_log.py` writes it. Among the daily routine there are things for an anomaly model to find:
a database outage, a drive that wears out, a change of configuration that makes scanners fail.
"""

from importlib.resources import files
from pathlib import Path


def sample_log() -> Path:
    """The path of the sample log: plain text, UTF-8, entries of one or more lines."""
    return Path(str(files(__name__) / "dotnet-app.log"))
