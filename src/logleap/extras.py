"""The extras of LogLeap's package (`server`, `gcp`, …), and the command that installs a missing one.

No package index has LogLeap: for whoever installed it from a folder or a wheel, `pip install 'logleap[gcp]'`
would find nothing.
"""

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname

Extra = Literal["server", "archive", "arrow", "gcp", "otel", "redis", "report"]


class ExtraMissing(Exception):
    """An extra is not installed. The text is one line, and ends with the command that installs it."""


def install_command(extra: Extra) -> str:
    """The `pip install` command for an extra, from where this LogLeap was installed."""
    return f"pip install {shlex.quote(_requirement(extra))}"


@contextmanager
def needing(extra: Extra, what: str) -> Iterator[None]:
    """Turn an import that fails in the block into ExtraMissing: `what` needs a library of this extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "logleap").partition(".")[0]
        if library == "logleap":
            raise
        raise ExtraMissing(
            f"{what} needs {library}, which is not installed. Install it with: {install_command(extra)}"
        ) from error


def _requirement(extra: Extra) -> str:
    """By the record that installers leave of a package that came from no index (PEP 610)."""
    try:
        recorded = distribution("logleap").read_text("direct_url.json")
    except PackageNotFoundError:
        return f"./[{extra}]"  # it runs from a checkout that is not installed
    if recorded is None:
        return f"logleap[{extra}]"
    origin = json.loads(recorded)
    address = urlsplit(origin["url"])
    if "vcs_info" in origin:
        vcs = origin["vcs_info"]
        return f"logleap[{extra}] @ {vcs['vcs']}+{origin['url']}@{vcs['commit_id']}"
    if address.scheme != "file":
        return f"logleap[{extra}] @ {origin['url']}"
    path = Path(url2pathname(address.path))
    # A wheel may be gone since, as it is in a container image.
    return f"{path}[{extra}]" if path.exists() else f"./[{extra}]"
