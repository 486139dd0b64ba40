"""Runs scripts with C modules that are built with sanitizers: the first byte that is not theirs ends them."""

import json
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path

_SANITIZERS = ("address", "undefined")


def run(
    gcc: str, sources: Iterable[Path], script: Path, folder: Path, rounds: int, *macros: str
) -> Mapping[str, int]:
    """What the script prints: it is given the folder, with the modules of `sources`, and the rounds.

    `macros`: such as `LIMIT=2`, for the compiler. Raises AssertionError with what a sanitizer says.
    """
    headers = sysconfig.get_paths()["include"]
    build = ["-shared", "-fPIC", "-O1", "-g", "-Wall", "-Wextra", "-Werror", f"-I{headers}"]
    build += [f"-D{macro}" for macro in macros]
    sanitize = [f"-fsanitize={','.join(_SANITIZERS)}", "-fno-sanitize-recover=all"]
    for source in sources:
        subprocess.run([gcc, *build, *sanitize, source, "-o", folder / f"{source.stem}.so"], check=True)
    libraries = [
        subprocess.check_output([gcc, f"-print-file-name=lib{short}.so"], text=True).strip()
        for short in ("asan", "ubsan")
    ]
    done = subprocess.run(
        [sys.executable, script, folder, str(rounds)],
        env={"LD_PRELOAD": " ".join(libraries), "PYTHONMALLOC": "malloc", "ASAN_OPTIONS": "detect_leaks=0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed: Mapping[str, int] = json.loads(done.stdout)
    return printed
