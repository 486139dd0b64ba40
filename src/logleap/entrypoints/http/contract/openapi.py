"""The OpenAPI document of the calls, at /openapi.json."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from itertools import chain
from typing import Any

from flask import Response, json
from flask_openapi import OpenAPI
from flask_openapi.models import OPENAPI3_REF_TEMPLATE, Info, License
from pydantic.json_schema import models_json_schema

from logleap.entrypoints.http.contract.blueprint import Api, Schemas
from logleap.entrypoints.http.contract.headers import RequestHeaders
from logleap.entrypoints.http.contract.problems import Problem
from logleap.entrypoints.http.contract.requests import DataPath, NoQuery
from logleap.entrypoints.http.contract.security import SCHEMES

Json = Mapping[str, Any]

_ABOUT = """\
Announce a data set, post log entries to it, have a model trained on them.

**An entry that was acknowledged is in the training set exactly once**, even if you retry, the server is
killed, the network drops, or the training starts at that moment. And nobody reads or writes another owner's
data.

Names are in camelCase, times are RFC 3339 in UTC. Every refusal is `application/problem+json` with a stable
`code`, a `detail` that says what to do, and a `requestId`. Repeat only what was answered with 429, 502, 503
or 504, after `Retry-After` seconds. HEAD is answered wherever GET is, and OPTIONS everywhere.
"""


def add(app: OpenAPI, apis: Sequence[Api]) -> None:
    """Register the calls of `apis`, and /openapi.json which describes them."""
    for api in apis:
        app.register_api(api)
    text = json.dumps(describe(app, apis))

    @app.get("/openapi.json", doc_ui=False)
    def openapi() -> Response:
        return Response(text, content_type="application/json")


def describe(app: OpenAPI, apis: Sequence[Api]) -> Json:
    """The OpenAPI document."""
    app.openapi_version = "3.1.0"
    licence = License(name="Apache 2.0", identifier="Apache-2.0")
    app.info = Info(title="LogLeap", version=version("logleap"), description=_ABOUT, license=licence)
    app.validation_error_model, app.validation_error_status = Problem, "500"  # every call has it
    schemas = _schemas(apis)
    # flask-openapi's own copies of the schemas lose what it does not know, as propertyNames.
    app.openapi_extensions = {"components": {"schemas": schemas, "securitySchemes": dict(SCHEMES)}}
    return app.api_doc


def _schemas(apis: Sequence[Api]) -> dict[str, Any]:
    models = list(dict.fromkeys(chain.from_iterable(api.models for api in apis)))
    _, schemas = models_json_schema(models, ref_template=OPENAPI3_REF_TEMPLATE, schema_generator=Schemas)
    parameters = {
        model.__name__ for model, _ in models if issubclass(model, NoQuery | RequestHeaders | DataPath)
    }
    return {name: schema for name, schema in schemas["$defs"].items() if name not in parameters}
