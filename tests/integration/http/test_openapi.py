"""The OpenAPI document: complete, true to itself, and for everyone."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from logleap.container import build_container
from logleap.entrypoints.http.app import create_app
from logleap.settings import Settings

UNDOCUMENTED = {"/openapi.json", "/docs", "/docs/elements/<path:filename>", "/schemas/<name>"}


@pytest.fixture(scope="module")
def document(server: Any) -> Any:
    return server.http.get("/openapi.json").json()


def operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def contents(document: Any) -> Iterator[tuple[str, Any]]:
    for method, path, operation in operations(document):
        for part in (operation.get("requestBody", {}), *operation["responses"].values()):
            for media_type, content in part.get("content", {}).items():
                yield f"{method} {path} {media_type}", content


def test_it_is_openapi_3_1_with_every_route_of_the_app(document: Any) -> None:
    app = create_app(build_container(Settings(backend="memory")))
    routes = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule not in UNDOCUMENTED
    }
    assert document["openapi"] == "3.1.0"
    assert {(method, path) for method, path, _ in operations(document)} == routes


def test_every_call_says_what_it_is_for_and_names_its_path_parameters(document: Any) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(ids)) == len(ids)
    for method, path, operation in operations(document):
        assert operation["summary"], (method, path)
        named = {item["name"] for item in operation["parameters"] if item["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path))


def test_every_example_fits_its_schema(document: Any) -> None:
    seen = 0
    for where, content in contents(document):
        schema = {**content["schema"], "components": document["components"]}
        values = [example["value"] for example in content.get("examples", {}).values()]
        values += [content["example"]] if "example" in content else []
        assert values, f"{where} has no example"
        for value in values:
            seen += 1
            failures = [
                error.message for error in jsonschema_rs.Draft202012Validator(schema).iter_errors(value)
            ]
            assert not failures, where
    assert seen > 50


def test_with_keys_on_the_calls_of_an_owner_want_one_and_the_others_do_not(start_server: Any) -> None:
    with start_server(auth="keys", api_keys="k:anna:" + "0" * 64) as server:
        document = server.http.get("/openapi.json").json()
    for _, path, operation in operations(document):
        assert bool(operation.get("security")) == path.startswith(("/data", "/score", "/train")), path
    assert set(document["components"]["securitySchemes"]) == {"apiKey", "bearer"}
