"""The compiled functions are there, and touch no memory but what they are given and their own."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest

from logleap.codecs.json import fast
from logleap.codecs.packed import columns

HERE = Path(__file__).parent
SANITIZERS = ("address", "undefined")


def compiler() -> str:
    found = shutil.which("gcc")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs gcc: the compiled functions are what customers use.")
        pytest.skip("gcc is missing: Python does the work here.")
    return found


def test_it_is_compiled_where_there_is_a_compiler() -> None:
    compiler()
    for module in (fast, columns):
        assert module.COMPILED, "The package was installed without it: rm .venv/.stamp-app && make setup"


@pytest.mark.parametrize(
    ("module", "script", "rounds"),
    [(fast, "garbled_entries.py", 100_000), (columns, "garbled_columns.py", 5_000)],
)
def test_no_text_makes_it_touch_foreign_memory_or_lose_its_own(
    module: ModuleType, script: str, rounds: int, tmp_path: Path
) -> None:
    source = Path(str(module.__file__)).with_name("_fast.c")
    gcc = compiler()
    headers = sysconfig.get_paths()["include"]
    build = ["-shared", "-fPIC", "-O1", "-g", "-Wall", "-Wextra", "-Werror", f"-I{headers}"]
    sanitize = [f"-fsanitize={','.join(SANITIZERS)}", "-fno-sanitize-recover=all"]
    subprocess.run([gcc, *build, *sanitize, source, "-o", tmp_path / "_fast.so"], check=True)
    libraries = [
        subprocess.check_output([gcc, f"-print-file-name=lib{short}.so"], text=True).strip()
        for short in ("asan", "ubsan")
    ]
    done = subprocess.run(
        [sys.executable, HERE / script, tmp_path, str(rounds)],
        env={"LD_PRELOAD": " ".join(libraries), "PYTHONMALLOC": "malloc", "ASAN_OPTIONS": "detect_leaks=0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert rounds / 10 < found["taken"] < rounds * 0.9
    assert found["kept"] < 10_000
