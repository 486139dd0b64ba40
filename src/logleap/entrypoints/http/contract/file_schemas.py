"""The JSON Schemas of files that runs save, at /schemas: beside the OpenAPI document, and as public."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

from logleap.miner.compare.changes import schema as changes_schema
from logleap.miner.model import schema as log_model_schema

SCHEMAS: Mapping[str, Callable[[], str]] = MappingProxyType(
    {"log-model.schema.json": log_model_schema, "changes.schema.json": changes_schema}
)
"""By the name in the path, which stays."""


def file_schemas() -> Blueprint:
    """The paths."""
    blueprint = Blueprint("schemas", __name__)
    texts = {name: read() for name, read in SCHEMAS.items()}

    @blueprint.get("/schemas/<name>")
    def schema(name: str) -> Response:
        if name not in texts:
            raise NotFound
        return Response(texts[name], content_type="application/schema+json")

    return blueprint
