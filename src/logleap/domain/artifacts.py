"""Artifacts: named files that a run produced, besides its result."""

import re
from dataclasses import dataclass

from logleap.domain.errors import InvalidArtifact

MAX_ARTIFACTS = 100
"""Of one run: their descriptions are stored with it."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_PART = r"[A-Za-z0-9!#$&^_.+-]{1,64}"  # RFC 6838, section 4.2
_MEDIA_TYPE = re.compile(rf"{_PART}/{_PART}(; ?[a-z]+={_PART})?")


@dataclass(frozen=True, slots=True)
class Artifact:
    """What is known of an artifact. `size` (bytes) and `sha256` (hex) are those of its plain bytes.

    `blob` is the id under which the bytes are stored: as they are, or compressed in the coding `coding`.
    """

    name: str
    media_type: str
    size: int
    sha256: str
    blob: str
    coding: str | None = None


def check_artifact(name: str, media_type: str) -> None:
    """Raises InvalidArtifact for a name or a media type that an artifact cannot have."""
    if not _NAME.fullmatch(name):
        allowed = "1 to 128 letters, digits, '.', '_' and '-', beginning with a letter or a digit"
        raise InvalidArtifact("name", name, allowed)
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise InvalidArtifact("media_type", media_type, "a media type such as text/csv or text/plain")
