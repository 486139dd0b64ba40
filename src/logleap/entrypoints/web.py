"""The app that a server answers with: the API and the console."""

from flask import Flask

from logleap.container import Container
from logleap.entrypoints.console.blueprint import console
from logleap.entrypoints.http.app import create_app
from logleap.entrypoints.http.bounds import Bounds


def create_web_app(container: Container) -> Flask:
    """Both over the container's use cases, within the same quotas. Raises SettingsError."""
    bounds = Bounds(container)
    app = create_app(container, bounds)
    app.register_blueprint(console(container, bounds))
    return app
