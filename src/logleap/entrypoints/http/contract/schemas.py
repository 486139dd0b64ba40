"""JSON schemas of pydantic's models, as the OpenAPI document has them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

Json = Mapping[str, Any]

_REF = "#/components/schemas/{model}"


class _Schemas(GenerateJsonSchema):
    """Without titles, which would only repeat the names, and defaults that say nothing."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never."""
        return False

    def default_schema(self, schema: Any) -> dict[str, Any]:
        """What is None by default is left out: that is no value which could be sent."""
        if schema.get("default", ...) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def ref(model: type[BaseModel]) -> Json:
    """Where the document keeps the schema of `model`."""
    return {"$ref": _REF.format(model=model.__name__)}


def schemas(models: Iterable[tuple[type[BaseModel], JsonSchemaMode]]) -> Json:
    """The schemas of `models`, and of all models in them, by name."""
    unique = list(dict.fromkeys(models))
    _, found = models_json_schema(unique, ref_template=_REF, schema_generator=_Schemas)
    return dict(found["$defs"])


def parameters(model: type[BaseModel], place: str) -> Sequence[Json]:
    """The fields of `model` as parameters in `place`: query, header or path."""
    schema = model.model_json_schema(ref_template=_REF, schema_generator=_Schemas)
    return [_parameter(name, place, field) for name, field in schema.get("properties", {}).items()]


def _parameter(name: str, place: str, field: dict[str, Any]) -> Json:
    parameter = {"name": name, "in": place, "required": place == "path"}
    if "description" in field:
        parameter["description"] = field.pop("description")
    if "examples" in field:
        parameter["example"] = field.pop("examples")[0]
    return {**parameter, "schema": field}
