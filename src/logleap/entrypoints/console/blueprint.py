"""The console as a whole: its pages, its files, and the way there from /."""

from flask import Blueprint, Response, request
from flask.sansio.blueprints import BlueprintSetupState
from werkzeug.exceptions import NotFound

from logleap.container import Container
from logleap.entrypoints.console import errors
from logleap.entrypoints.console.assets import assets
from logleap.entrypoints.console.frame import Console
from logleap.entrypoints.console.pages import PAGES
from logleap.entrypoints.http.bounds import Bounds

_FOR_EVER = "public, max-age=31536000, immutable"


def console(container: Container, bounds: Bounds) -> Blueprint:
    """The blueprint, for an app that has the API too. Raises SettingsError."""
    made = Console(container, bounds)
    for add in PAGES:
        add(made)
    errors.register(made)
    blueprint = made.blueprint

    @blueprint.get("/console/static/<digest>/<name>")
    def asset(digest: str, name: str) -> Response:
        found = assets().get(name)
        if found is None:
            raise NotFound
        # One with another digest is of another version: it is answered, but not kept.
        kept = _FOR_EVER if digest == found.digest else "no-store"
        return Response(
            found.content,
            content_type=found.content_type,
            headers={"Cache-Control": kept, "Cross-Origin-Resource-Policy": "same-origin"},
        )

    @blueprint.route("/console/<path:rest>", methods=["GET", "POST"])
    def nowhere(rest: str) -> Response:
        raise NotFound

    def root() -> Response:
        """The way of a browser; programs are told, as anywhere else, that there is no such call."""
        accepted = request.accept_mimetypes
        if accepted.best_match(["application/json", "text/html"], "application/json") != "text/html":
            raise NotFound
        return made.redirect_to("datasets")

    @blueprint.record_once
    def add_root(state: BlueprintSetupState) -> None:
        # Of the app, not of the console, whose errors are pages.
        state.app.add_url_rule("/", "root", root, methods=["GET"])

    return blueprint
