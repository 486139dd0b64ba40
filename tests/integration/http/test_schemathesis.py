"""Requests made up from the OpenAPI document, good and bad, are answered as it says."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).with_name("schemathesis")
PROGRAM = Path(sys.executable).with_name("schemathesis")


@pytest.mark.parametrize("auth", ["keys", "none"])
def test_all_checks_of_schemathesis_pass(start_server: Any, tmp_path: Path, auth: str) -> None:
    keys = f"k:anna:{hashlib.sha256(b'secret').hexdigest()}" if auth == "keys" else ""
    environment = {
        **os.environ,
        "LOGLEAP_API_KEY": "k.secret",
        "HYPOTHESIS_STORAGE_DIRECTORY": str(tmp_path),
    }
    with start_server(auth=auth, api_keys=keys, with_worker=True) as server:
        done = subprocess.run(
            [PROGRAM, "run", f"{server.url}/openapi.json", "--checks", "all", "--no-color"],
            check=False,
            cwd=FOLDER,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    counted = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert counted is not None, done.stdout
    assert int(counted[1]) == int(counted[2]) > 500
