"""The compiled functions are there, and touch no memory but what they are given and their own."""

from pathlib import Path
from types import ModuleType

import pytest

from logleap.codecs.json import fast
from logleap.codecs.packed import columns
from tools import sanitized

HERE = Path(__file__).parent


@pytest.mark.usefixtures("gcc")
def test_it_is_compiled_where_there_is_a_compiler() -> None:
    for module in (fast, columns):
        assert module.COMPILED, "The package was installed without it: rm .venv/.stamp-app && make setup"


@pytest.mark.parametrize(
    ("module", "script", "rounds"),
    [(fast, "garbled_entries.py", 100_000), (columns, "garbled_columns.py", 5_000)],
)
def test_no_text_makes_it_touch_foreign_memory_or_lose_its_own(
    module: ModuleType, script: str, rounds: int, gcc: str, tmp_path: Path
) -> None:
    source = Path(str(module.__file__)).with_name("_fast.c")
    found = sanitized.run(gcc, [source], HERE / script, tmp_path, rounds)
    assert rounds / 10 < found["taken"] < rounds * 0.9
    assert found["kept"] < 10_000
