"""Artifacts as files in a folder of this machine."""

from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from logleap.adapters.files.artifacts import ArtifactFolder, ArtifactUrlRefused


class LocalArtifactStore(ArtifactFolder):
    """Artifacts in a folder."""

    def __init__(self, url: str) -> None:
        """`url` is `file:///folder`. Raises ArtifactUrlRefused for another."""
        if not url.startswith("file:///"):
            raise ArtifactUrlRefused("backend 'local' keeps artifacts in file:///folder.")
        super().__init__(Path(url2pathname(urlsplit(url).path)))
