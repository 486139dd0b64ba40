"""Debian's packages fetched and unpacked into a folder, not installed: no service is started, nothing of the
system changes, and no root is needed.
"""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

# What the packages depend on comes only if the system lacks it; they themselves in any case.
_FETCH = [
    "apt-get",
    "install",
    "--yes",
    "--quiet",
    "--no-install-recommends",
    "--download-only",
    "--reinstall",
]


def unpack(packages: Sequence[str], folder: Path) -> str | None:
    """Make `folder` of the packages; why that could not be done, if so. Its parent is used meanwhile."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return "there is no apt here"
    archives = folder.with_name("archives")
    (archives / "partial").mkdir(parents=True, exist_ok=True)
    options = ["-o", f"Dir::Cache::archives={archives}", "-o", "Debug::NoLocking=1"]
    done = subprocess.run([*_FETCH, *options, *packages], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return f"{last_line(done)} (try apt-get update)"
    unpacking = folder.with_name("unpacking")
    shutil.rmtree(unpacking, ignore_errors=True)
    for archive in archives.glob("*.deb"):
        subprocess.run(["dpkg-deb", "--extract", str(archive), str(unpacking)], check=True)
    shutil.rmtree(folder, ignore_errors=True)
    unpacking.rename(folder)
    shutil.rmtree(archives)
    return None


def libraries(folder: Path) -> Mapping[str, str]:
    """The environment in which a program that was unpacked there finds its libraries."""
    folders = sorted({str(library.parent) for library in folder.glob("**/lib*.so*")})
    return {"LD_LIBRARY_PATH": ":".join(folders)} if folders else {}


def last_line(done: "subprocess.CompletedProcess[str]") -> str:
    """What a command said last."""
    return (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
