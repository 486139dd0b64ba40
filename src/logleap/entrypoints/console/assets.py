"""The stylesheet and the script: each one file for browsers, made of those in `static/`."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file for browsers. `digest` names its content: an address with it may be cached for ever."""

    name: str
    content: bytes
    content_type: str
    digest: str


@cache
def assets() -> dict[str, Asset]:
    """By name: `console.css` and `console.js`, each of all files of its kind in the order of their names."""
    made = {}
    folder = files("logleap.entrypoints.console").joinpath("static")
    for kind, content_type in _TYPES.items():
        parts = sorted((part for part in folder.iterdir() if part.name.endswith(f".{kind}")), key=_name)
        content = b"\n".join(part.read_bytes() for part in parts)
        name = f"console.{kind}"
        made[name] = Asset(name, content, content_type, hashlib.sha256(content).hexdigest()[:16])
    return made


def _name(part: object) -> str:
    return str(getattr(part, "name", part))
