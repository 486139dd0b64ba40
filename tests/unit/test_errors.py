"""The map of exceptions in `logleap.errors` is whole, and true to the code."""

import ast
import builtins
import re
from pathlib import Path

import pytest

import logleap
from logleap import errors


def defined() -> dict[str, str]:
    """The exceptions that the package defines, each with its base."""
    bases = {
        node.name: ast.unparse(node.bases[0])
        for file in Path(logleap.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.ClassDef) and node.bases
    }

    def is_exception(name: str) -> bool:
        known = getattr(builtins, name, None)
        if isinstance(known, type):
            return issubclass(known, BaseException)
        return name in bases and is_exception(bases[name])

    return {name: base for name, base in bases.items() if is_exception(name)}


def mapped(text: str) -> dict[str, str]:
    """The classes in the map, each with the one that it stands under."""
    found: dict[str, str] = {}
    above: dict[int, str] = {}
    for indent, name in re.findall(r"^ {4}( *)(\w+)(?: {2,}.*)?$", text, re.MULTILINE):
        above[len(indent)] = name
        if not hasattr(builtins, name):
            found[name] = above[len(indent) - 2]
    return found


def test_the_map_shows_every_exception_under_its_base() -> None:
    assert mapped(errors.__doc__ or "") == defined()


def test_the_map_says_of_each_who_raises_it_and_what_it_becomes() -> None:
    for name in mapped(errors.__doc__ or ""):
        assert re.search(rf"^ +{name} {{2,}}.+(?: → |:)", errors.__doc__ or "", re.MULTILINE), name


@pytest.mark.parametrize("change", [("KeyReused", "KeyReuse"), ("        GateClosed", "      GateClosed")])
def test_a_map_with_a_wrong_name_or_place_is_found(change: tuple[str, str]) -> None:
    assert mapped((errors.__doc__ or "").replace(*change)) != defined()
