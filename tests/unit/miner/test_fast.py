"""The compiled part of the miner: it is there, gives the same, and touches no memory but its own."""

from array import array
from pathlib import Path

import pytest

from logleap.miner import _fast
from tools import sanitized

HERE = Path(__file__).parent
SOURCE = Path(_fast.__file__).with_name("_scan.c")
ROUNDS = 25


@pytest.mark.usefixtures("gcc")
def test_it_is_compiled_where_there_is_a_compiler() -> None:
    assert _fast.COMPILED, "The package was installed without it: rm .venv/.stamp-app && make setup"


def test_it_gives_what_python_gives_and_touches_no_foreign_memory(gcc: str, tmp_path: Path) -> None:
    # Few messages must do for what is decided by many: whether it pays to remember their keys.
    macros = ("LOOKS=8", "SPARSE=2", "SPARSE_KEYS=3")
    found = sanitized.run(gcc, [SOURCE], HERE / "garbled_messages.py", tmp_path, ROUNDS, *macros)
    assert found["alike"] == ROUNDS
    assert found["kept"] < 10_000


compiled = pytest.mark.skipif(not _fast.COMPILED, reason="gcc is missing: models are mined by Python here")


def scanner(answer: object = (0, ())) -> "_fast.Scanner":
    return _fast.Scanner(lambda key: answer, 4, ("ms",), bytes(16))  # type: ignore[arg-type, return-value]


@compiled
@pytest.mark.parametrize(
    "answer",
    [None, (0,), (0, ["a"]), (0, (1,)), ("0", ()), (-1, ("a",)), (0, ("\0\0",)), (1 << 40, ())],
    ids=repr,
)
def test_a_wrong_answer_is_an_error(answer: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        scanner(answer).add(array_of(1), ["message 1"], None)


@compiled
def test_what_the_callback_raises_comes_out_and_it_cannot_call_back() -> None:
    def again(key: str) -> tuple[int, tuple[str, ...]]:
        found.forget()
        return 0, ()

    found = _fast.Scanner(again, 4, (), bytes(16))
    with pytest.raises(RuntimeError, match="at work"):
        found.add(array_of(1), ["message"], None)
    with pytest.raises(TypeError):
        scanner().add(array_of(1), [b"message"], None)  # type: ignore[list-item]
    with pytest.raises(ValueError, match="times"):
        scanner().add(array_of(1, 2), ["message"], None)
    with pytest.raises(ValueError, match="seed"):
        _fast.Scanner(again, 4, (), b"short")
    with pytest.raises(ValueError, match="rank"):
        _fast.order([(array_of(1), array_of(7))], array_of(0), array_of(9), b"\1")
    with pytest.raises(TypeError, match="U\\+0100"):
        _fast.cut(["- 1 0 \u20ac"], bytes(16))
    with pytest.raises(ValueError, match="begins with severity"):
        _fast.cut(["- 1"], bytes(16))


def array_of(*numbers: int) -> "array[int]":
    return array("q", numbers)
