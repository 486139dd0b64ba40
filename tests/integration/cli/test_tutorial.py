"""docs/tutorial-log-changes.md: its commands are run, in one shell, and print what the page shows."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "tutorial-log-changes.md"
MARK = "@@@"


def commands() -> Iterator[tuple[str, list[str]]]:
    """Each command, and the lines that the page shows of what it prints."""
    for block in re.findall(r"^```console\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *shown = step.rstrip("\n").split("\n")
            yield command, shown


def same(text: str) -> str:
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text).rstrip()


def test_each_command_prints_what_the_page_shows(serving: Any, tmp_path: Path) -> None:
    steps = list(commands())
    script = "".join(f"echo {MARK}\n{command}\n" for command, _ in steps)
    with serving() as server:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LOGLEAP_")}
        path = f"{Path(sys.executable).parent}:{kept['PATH']}"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            env={**kept, "LOGLEAP_URL": server.url, "PATH": path, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
        )
    printed = done.stdout.decode().split(f"{MARK}\n")[1:]
    assert len(printed) == len(steps) > 10
    for (command, shown), output in zip(steps, printed, strict=True):
        lines = iter(output.splitlines())
        for line in shown:
            if line == "…":
                continue
            begins = same(line.removesuffix("…"))
            found = next((one for one in lines if same(one).startswith(begins)), None)
            assert found is not None, f"{command} does not print {line!r}, but:\n{output}"
            assert line.endswith("…") or same(found) == begins
