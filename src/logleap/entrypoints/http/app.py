"""The Flask app: what is told of each request, routes, problems."""

from collections.abc import Callable
from typing import Any

from flask import Flask, Response, g, request

from logleap.container import Container
from logleap.entrypoints.http import routes
from logleap.entrypoints.http.bounds import Bounds
from logleap.entrypoints.http.calls.health import health
from logleap.entrypoints.http.contract import openapi, problems
from logleap.entrypoints.http.contract.docs import docs
from logleap.entrypoints.http.contract.file_schemas import file_schemas
from logleap.entrypoints.http.middleware import observability
from logleap.entrypoints.http.middleware.browsers import BrowserGuard


class _App(Flask):
    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func  # none is async; Flask would look into each of them at each request


def create_app(container: Container, bounds: Bounds | None = None) -> Flask:
    """The API over the container's use cases, as a WSGI app. Raises SettingsError.

    `bounds` are those that it shares with something else in the same app.
    """
    app = bare_app(container)
    guard = BrowserGuard(container.settings(), container.capabilities(), container.authenticate())

    @app.before_request
    def check_sender() -> None:
        g.needs_key = guard.check(request._get_current_object())  # type: ignore[attr-defined]

    shared = bounds or Bounds(container)
    apis = [*routes.apis(container, shared), health(container.backend().check, container.metrics())]
    openapi.add(app, apis, container.settings().path_prefix)
    app.register_blueprint(docs())
    app.register_blueprint(file_schemas())
    return app


def bare_app(container: Container) -> Flask:
    """An app with everything but routes: request ids, the log, metrics, traces, problems."""
    app = _App("logleap", static_folder=None)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # a path of ours has none to merge: 404, not a redirect
    app.json.sort_keys = False  # type: ignore[attr-defined]
    observability.observe(app, container)
    problems.register(app)

    @app.after_request
    def forbid_sniffing(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return app
