"""Each call declares what it refuses with: all that its code can raise, and nothing else.

What the code can raise is read from its syntax tree, beginning with the view: `raise` statements in all that
it calls in the domain, the use cases, the codecs and the HTTP layer, and what the ports' docstrings promise.
Catching is not seen, so a few calls may find more than there is (NEVER). Tests that send requests check the
same in passing: tests/conftest.py.
"""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

import pytest
from flask import Flask, Request, Response

from logleap.container import build_container
from logleap.domain.errors import BatchEmpty, KeyReused, StoredPartially
from logleap.entrypoints.http.app import bare_app, create_app
from logleap.entrypoints.http.contract.blueprint import Api, Call
from logleap.entrypoints.http.errors.codes import Code
from logleap.entrypoints.http.errors.refusals import WORDINGS, HttpError
from logleap.ports.errors import Unavailable
from logleap.settings import Settings
from logleap.usecases.training.start_training import StartTraining

READ = re.compile(
    r"logleap\.(domain|ports|usecases|codecs|ordering\.scratch|entrypoints\.http\.(calls|contract|ingest))\b"
)
"""Modules whose functions are followed."""

CODES = {kind.__name__: wording.code for kind, wording in WORDINGS.items() if kind is not Unavailable}
"""By the name of the refusal. Every call of an owner declares UNAVAILABLE."""

NEVER: dict[str, set[Code]] = {
    "export_logs": {
        WORDINGS[BatchEmpty].code,  # caught: nothing to take is no error
        WORDINGS[StoredPartially].code,  # an export is always taken in part
    },
}


class Function(NamedTuple):
    """A function, or a method of `owner`, and the module it stands in."""

    module: str
    owner: str | None
    node: ast.FunctionDef


@dataclass(frozen=True)
class Module:
    """What a module defines, and the names that it imports from ours: name → (module, name there)."""

    functions: dict[str, ast.FunctionDef]
    classes: dict[str, ast.ClassDef]
    imports: dict[str, tuple[str, str]]


@cache
def parsed(name: str) -> Module:
    tree = ast.parse(inspect.getsource(importlib.import_module(name)))
    imports = {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    return Module(functions, classes, imports)


def methods(module: str, owner: str) -> dict[str, Function]:
    return {
        node.name: Function(module, owner, node)
        for node in parsed(module).classes[owner].body
        if isinstance(node, ast.FunctionDef)
    }


def found(module: str, name: str) -> tuple[str, str] | None:
    """Where what `module` calls `name` is defined, if in a module that is read."""
    known = parsed(module)
    place = (module, name) if name in known.functions or name in known.classes else known.imports.get(name)
    return place if place is not None and READ.match(place[0]) else None


def fields(module: str, owner: str) -> dict[str, str]:
    """The classes of a class' annotated fields, by name."""
    return {
        node.target.id: node.annotation.id
        for node in parsed(module).classes[owner].body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and isinstance(node.annotation, ast.Name)
    }


@cache
def of_domain(method: str) -> Sequence[Function]:
    """The methods of this name that the domain's objects have."""
    modules = ["logleap.domain.datasets", "logleap.domain.runs", "logleap.domain.keys"]
    return [
        each[method]
        for module in modules
        for owner in parsed(module).classes
        if method in (each := methods(module, owner))
    ]


def called(function: Function, objects: dict[str, object]) -> Iterator[Function]:
    """What `function` calls, or hands on to be called. `objects` are those its closure holds."""
    module, owner, node = function
    ports = fields(module, owner) if owner is not None else {}

    def of_class(place: tuple[str, str] | None, method: str | None) -> Iterator[Function]:
        if place is not None and place[1] in parsed(place[0]).classes:
            own = methods(*place)
            # A value of the domain's is made, not used; what the codecs make is also read from.
            names = ("__init__", "__post_init__") if place[0].startswith("logleap.domain.") else tuple(own)
            yield from (own[name] for name in (names if method is None else (method,)) if name in own)

    for inner in chain.from_iterable(map(ast.walk, node.body)):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load):
            if inner.id in objects:
                kind = type(objects[inner.id])
                yield from of_class((kind.__module__, kind.__name__), "__call__")
            elif (place := found(module, inner.id)) is not None:
                if place[1] in parsed(place[0]).functions:
                    yield Function(place[0], None, parsed(place[0]).functions[place[1]])
                yield from of_class(place, None)
        elif isinstance(inner, ast.Attribute):
            match inner.value:
                case ast.Name(id="self") if owner is not None:
                    yield from of_class((module, owner), inner.attr)
                case ast.Attribute(value=ast.Name(id="self"), attr=field) if field in ports:
                    yield from of_class(found(module, ports[field]), inner.attr)
                case ast.Name(id=name) if name in objects:
                    kind = type(objects[name])
                    yield from of_class((kind.__module__, kind.__name__), inner.attr)
                case ast.Name(id=name) if (place := found(module, name)) is not None:
                    yield from of_class(place, inner.attr)  # a class method
                case _:
                    yield from of_domain(inner.attr)


def raised(function: Function) -> Iterator[Code]:
    """The codes of what stands in `raise` statements, of a port's method in its docstring."""
    if function.module.startswith("logleap.ports."):
        _, _, promised = (ast.get_docstring(function.node) or "").partition("Raises")
        yield from (code for name, code in CODES.items() if re.search(rf"\b{name}\b", promised))
    for node in ast.walk(function.node):
        if isinstance(node, ast.Raise):
            match node.exc:
                case ast.Call(func=ast.Name(id="HttpError"), args=[ast.Constant(value=str(code)), *_]):
                    yield code
                case ast.Name(id=name) | ast.Call(func=ast.Name(id=name)) if name in CODES:
                    yield CODES[name]


def reached(start: Function, objects: dict[str, object]) -> set[Code]:
    """The codes of all that may be raised from `start` on."""
    codes: set[Code] = set()
    todo, done = [(start, objects)], set()
    while todo:
        function, held = todo.pop()
        if function in done or not READ.match(function.module):
            continue
        done.add(function)
        codes.update(raised(function))
        todo += [(further, {}) for further in called(function, held)]
    return codes


def all_calls() -> dict[str, Call]:
    app = create_app(build_container(Settings(backend="memory")))
    return {
        call.view.__name__: call
        for api in app.blueprints.values()
        if isinstance(api, Api)
        for call in api.calls.values()
    }


CALLS = all_calls()


def codes_of(call: Call) -> set[Code]:
    """What the view's code can raise; a query parameter can be wrong only where there is one."""
    view = call.view
    module = view.__module__
    held: dict[str, Any] = {
        name: value
        for name, value in inspect.getclosurevars(view).nonlocals.items()
        if type(value).__module__.startswith("logleap.usecases.")
    }
    codes = reached(Function(module, None, parsed(module).functions[view.__name__]), held)
    query = any(parameter["in"] == "query" for parameter in call.operation["parameters"])
    return codes if query else codes - {"QUERY_PARAMETER_INVALID"}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_declares_all_that_its_code_can_raise(name: str) -> None:
    assert codes_of(CALLS[name]) - CALLS[name].codes <= NEVER.get(name, set())


@pytest.mark.parametrize("name", CALLS)
def test_a_call_declares_no_refusal_that_its_code_cannot_raise(name: str) -> None:
    declared = {WORDINGS[kind].code for kind in CALLS[name].raises if kind is not Unavailable}
    assert declared <= codes_of(CALLS[name])


MODULES = ("append", "datasets", "report", "lifecycle.archive", "lifecycle.delete", "training.start_training")
USE_CASES = [
    (f"logleap.usecases.{module}", owner, method)
    for module in (
        "append",
        "datasets",
        "report",
        "lifecycle.archive",
        "lifecycle.delete",
        "training.start_training",
    )
    for owner in parsed(f"logleap.usecases.{module}").classes
    for method, function in methods(f"logleap.usecases.{module}", owner).items()
    if not method.startswith("_") or method == "__call__"
]


@pytest.mark.parametrize(("module", "owner", "method"), USE_CASES)
def test_a_use_case_names_the_refusals_that_its_code_raises(module: str, owner: str, method: str) -> None:
    function = methods(module, owner)[method]
    _, _, promised = (ast.get_docstring(function.node) or "").partition("Raises")
    named = {code for kind, code in CODES.items() if re.search(rf"\b{kind}\b", promised)}
    assert named == reached(function, {})


def test_a_refusal_that_is_not_declared_is_found() -> None:
    """Were it missing: with IDEMPOTENCY_KEY_REUSED not declared, a training answered it all the same."""
    start = CALLS["start_training"]
    assert "IDEMPOTENCY_KEY_REUSED" in codes_of(start)
    module = "logleap.usecases.training.start_training"
    assert "TASK_UNKNOWN" in reached(methods(module, StartTraining.__name__)["__call__"], {})
    assert "RUN_NOT_FOUND" not in codes_of(start)


# ---- the check of each answer, in tests/conftest.py --------------------------------------------------------


def answering(error: Exception, **declared: Any) -> Flask:
    app = bare_app(build_container(Settings(backend="memory")))
    api = Api("test")

    @api.call("GET", "/x", tag="Test", answer=None, status=204, **declared)
    def get_x(_: Request) -> Response:
        """Get x."""
        raise error

    app.register_blueprint(api)
    return app


@pytest.mark.parametrize("error", [KeyReused("k-1"), HttpError("STATE_INVALID", "no")], ids=repr)
def test_an_answer_that_its_call_does_not_declare_fails_the_test(
    error: Exception, undeclared: list[str]
) -> None:
    answer = answering(error).test_client().get("/x")
    found, expected = list(undeclared), [f"GET /x: {answer.status_code} {answer.get_json()['code']}"]
    undeclared.clear()
    assert found == expected


def test_an_answer_that_its_call_declares_fails_no_test(undeclared: list[str]) -> None:
    client = answering(KeyReused("k-1"), raises=[KeyReused]).test_client()
    assert client.get("/x").status_code == 422
    assert client.post("/x").status_code == 405
    assert client.get("/y").status_code == 404
    assert undeclared == []
