"""How a backend is chosen, and that nothing but its capabilities decides what the code does with it."""

import ast
import re
import sys
from pathlib import Path

import pytest

import logleap
from logleap.backends import (
    BUILT_IN,
    Backend,
    BackendFactory,
    backend_factory,
    capabilities_of,
    find_backend,
    open_backend,
)
from logleap.settings import Settings, SettingsError

PACKAGE = Path(logleap.__file__).parent
TOOLS = [Path(__file__).parents[2] / folder for folder in ("tools", "benchmarks", "examples")]


@backend_factory(durable=False, shared=False, worker_inside=True, keeps_keys=False, requires_keys=True)
def open_wrapped(settings: Settings) -> Backend:
    return open_backend(settings.model_copy(update={"backend": "memory"}))


@backend_factory(durable=False, shared=False, worker_inside=True, keeps_keys=False, requires_keys=False)
def open_nothing(settings: Settings) -> Backend:
    return None  # type: ignore[return-value]


def undeclared(settings: Settings) -> Backend:
    return open_backend(settings)


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name under which this module can be imported."""
    monkeypatch.setitem(sys.modules, "a_plugin", sys.modules[__name__])
    return "a_plugin"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("memroy", "Did you mean 'memory'?"),
        ("Local", "Did you mean 'local'?"),
        ("gpc", "Did you mean 'gcp'?"),
        ("mongo", "'package.module:function'."),
        ("", "'package.module:function'."),
    ],
)
def test_an_unknown_name_is_refused_with_the_choice_and_what_is_near(name: str, meant: str) -> None:
    with pytest.raises(SettingsError) as refused:
        find_backend(name)
    message = str(refused.value)
    assert message.startswith(f"LOGLEAP_BACKEND is {name!r}; it must be 'memory', 'local' or 'gcp'")
    assert message.endswith(meant)


def test_a_function_of_another_package_opens_a_backend(plugin: str) -> None:
    name = f"{plugin}:open_wrapped"
    assert capabilities_of(name).requires_keys
    assert isinstance(open_backend(Settings(backend=name)), Backend)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a_plugin:open_wraped", "a_plugin has no 'open_wraped'. Did you mean 'open_wrapped'?"),
        ("a_plugin:xyz", "a_plugin has no 'xyz'."),
        ("no_such_module:open", "cannot import no_such_module: No module named 'no_such_module'."),
        ("a_plugin:", "'a_plugin:' is not package.module:name."),
        (":open", "':open' is not package.module:name."),
        ("a_plugin:undeclared", "it does not declare its capabilities"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_refused_with_the_reason(plugin: str, name: str, says: str) -> None:
    with pytest.raises(SettingsError) as refused:
        find_backend(name)
    assert str(refused.value).startswith(f"LOGLEAP_BACKEND is {name!r}: ")
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_function_that_returns_no_backend_is_refused(plugin: str) -> None:
    with pytest.raises(SettingsError, match="returned None, which is not a logleap"):
        open_backend(Settings(backend=f"{plugin}:open_nothing"))


def test_all_that_is_built_in_declares_what_it_can_do() -> None:
    assert {name: factory.capabilities.durable for name, factory in BUILT_IN.items()} == {
        "memory": False,
        "local": True,
        "gcp": True,
    }
    assert all(isinstance(factory, BackendFactory) for factory in BUILT_IN.values())


# ---- capabilities decide, names do not ---------------------------------------------------------------------


def comparisons(source: str) -> list[int]:
    """The lines that compare something with a backend's name (or match it, or look it up in a tuple)."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            compared = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            compared = [node.value]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            compared = node.args if node.func.attr in ("startswith", "endswith", "__eq__") else []
        else:
            continue
        constants = (leaf for part in compared for leaf in ast.walk(part) if isinstance(leaf, ast.Constant))
        if any(constant.value in BUILT_IN for constant in constants if isinstance(constant.value, str)):
            lines.append(node.lineno)
    return lines


def test_no_code_compares_names_of_backends() -> None:
    files = [path for folder in (PACKAGE, *TOOLS) for path in folder.rglob("*.py")]
    found = {
        f"{path}:{line}"
        for path in files
        if not path.is_relative_to(PACKAGE / "backends")
        for line in comparisons(path.read_text("utf-8"))
    }
    assert len(files) > 100
    assert found == set()


@pytest.mark.parametrize(
    "line",
    [
        'settings.backend == "gcp"',
        'settings.backend in ("local", "gcp")',
        'backend.startswith("memory")',
        '"memory" != name',
        'match name:\n    case "gcp" | "local":\n        pass',
    ],
)
def test_a_comparison_with_a_name_is_noticed(line: str) -> None:
    assert comparisons(line)
    assert not comparisons(re.sub('"(gcp|local|memory)"', '"else"', line))
