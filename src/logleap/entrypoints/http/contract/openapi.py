"""The OpenAPI document of the calls, at /openapi.json."""

import re
from collections import defaultdict
from collections.abc import Sequence
from importlib.metadata import version
from itertools import chain

from flask import Flask, Response, json

from logleap.entrypoints.http.contract.blueprint import Api
from logleap.entrypoints.http.contract.schemas import Json, schemas
from logleap.entrypoints.http.errors.security import SCHEMES

_ABOUT = """\
Announce a data set, post log entries to it, have a model trained on them.

**An entry that was acknowledged is in the training set exactly once**, even if you retry, the server is
killed, the network drops, or the training starts at that moment. And nobody reads or writes another owner's
data.

Names are in camelCase, times are RFC 3339 in UTC. Every refusal is `application/problem+json` with a stable
`code`, a `detail` that says what to do, and a `requestId`. Repeat only what was answered with 429, 502, 503
or 504, after `Retry-After` seconds. HEAD is answered wherever GET is, and OPTIONS everywhere.
"""


def add(app: Flask, apis: Sequence[Api], path_prefix: str | None = None) -> None:
    """Register the calls of `apis`, and /openapi.json, which describes them under that prefix, if any."""
    for api in apis:
        app.register_blueprint(api)
    servers = {"servers": [{"url": path_prefix}]} if path_prefix is not None else {}
    text = json.dumps({**describe(apis), **servers})

    @app.get("/openapi.json")
    def openapi() -> Response:
        return Response(text, content_type="application/json")


def describe(apis: Sequence[Api]) -> Json:
    """The OpenAPI document."""
    paths: dict[str, dict[str, Json]] = defaultdict(dict)
    tags: dict[str, None] = {}
    for call in chain.from_iterable(api.calls.values() for api in apis):
        paths[re.sub("<(.*?)>", r"{\1}", call.rule)][call.method.lower()] = call.operation
        tags.update(dict.fromkeys(call.operation["tags"]))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "LogLeap",
            "version": version("logleap"),
            "description": _ABOUT,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": tag} for tag in tags],
        "paths": paths,
        "components": {
            "schemas": schemas(chain.from_iterable(api.models for api in apis)),
            "securitySchemes": dict(SCHEMES),
        },
    }
