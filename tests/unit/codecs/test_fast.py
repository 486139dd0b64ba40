"""The compiled reader of entries: it is there, and touches no memory but the text's and its own."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from logleap.codecs.json import fast as columns

HERE = Path(__file__).parent
SOURCE = Path(columns.__file__).with_name("_fast.c")
SANITIZERS = ("address", "undefined")


def compiler() -> str:
    found = shutil.which("gcc")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs gcc: the compiled reader is what customers use.")
        pytest.skip("gcc is missing: entries are read by Python here.")
    return found


def test_it_is_compiled_where_there_is_a_compiler() -> None:
    compiler()
    assert columns.COMPILED, "The package was installed without it: rm .venv/.stamp-app && make setup"


def test_no_text_makes_it_touch_foreign_memory_or_lose_its_own(tmp_path: Path) -> None:
    gcc = compiler()
    headers = sysconfig.get_paths()["include"]
    build = ["-shared", "-fPIC", "-O1", "-g", "-Wall", "-Wextra", "-Werror", f"-I{headers}"]
    sanitize = [f"-fsanitize={','.join(SANITIZERS)}", "-fno-sanitize-recover=all"]
    subprocess.run([gcc, *build, *sanitize, SOURCE, "-o", tmp_path / "_fast.so"], check=True)
    libraries = [
        subprocess.check_output([gcc, f"-print-file-name=lib{short}.so"], text=True).strip()
        for short in ("asan", "ubsan")
    ]
    done = subprocess.run(
        [sys.executable, HERE / "garbled_entries.py", tmp_path, "100000"],
        env={"LD_PRELOAD": " ".join(libraries), "PYTHONMALLOC": "malloc", "ASAN_OPTIONS": "detect_leaks=0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert 10_000 < found["taken"] < 90_000
    assert found["kept"] < 10_000
