"""The core needs the standard library alone."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import logleap

PACKAGE = Path(logleap.__file__).parent

CORE = ("domain", "miner", "ordering", "ports", "reporting", "usecases")
ALLOWED = sys.stdlib_module_names | {f"logleap.{part}" for part in CORE}


def imported(source: str) -> Iterator[str]:
    """The modules imported anywhere in it: the top one, of LogLeap the part (`json`, `logleap.domain`)."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = ["." * node.level] if node.level else [f"{node.module}.{a.name}" for a in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            yield ".".join(parts[:2]) if parts[0] == "logleap" else parts[0]


@pytest.mark.parametrize("part", CORE)
def test_a_part_of_the_core_imports_the_standard_library_and_the_core_alone(part: str) -> None:
    files = list((PACKAGE / part).rglob("*.py"))
    assert files
    found = {
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in files
        for name in imported(path.read_text("utf-8"))
        if name not in ALLOWED
    }
    assert found == set()


@pytest.mark.parametrize(
    "line",
    [
        "import numpy",
        "def f():\n    from flask import g",
        "from logleap import settings",
        "from logleap.adapters.memory import runs",
        "from . import x",
        "if TYPE_CHECKING:\n    import google.cloud.bigquery as bq",
    ],
)
def test_any_other_import_is_noticed(line: str) -> None:
    assert not set(imported(line)) <= ALLOWED
