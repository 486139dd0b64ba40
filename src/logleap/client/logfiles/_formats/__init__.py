"""The formats that are read, each in a file of its own. One more is one file and one line here."""

from collections.abc import Mapping
from types import MappingProxyType

from logleap.client.logfiles._formats.json import docker, document, journald, ndjson
from logleap.client.logfiles._formats.tables import table
from logleap.client.logfiles._formats.text import cri, frames, logfmt, plain, w3c
from logleap.client.logfiles._reading import Reader

# In the order in which they are tried where none is named: the first that recognises the file's beginning.
READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "syslog-frames": frames.READER,
        "journald": journald.READER,
        "docker": docker.READER,
        "ndjson": ndjson.READER,
        "json": document.READER,
        "w3c": w3c.READER,
        "csv": table.READER,
        "cri": cri.READER,
        "logfmt": logfmt.READER,
        "plain": plain.READER,
    }
)
