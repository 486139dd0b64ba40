"""The OpenAPI document as pages to read and to try, at /docs: Stoplight Elements, from this server alone."""

from importlib.resources import files

from flask import Blueprint, Response

_ELEMENTS = str(files("stopments").joinpath("static"))

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>LogLeap API</title>
<link rel="icon" href="docs/elements/favicon.ico">
<link rel="stylesheet" href="docs/elements/styles.min.css">
<style>[role="tablist"] { flex-wrap: wrap; } /* shows all statuses of a call at once */</style>
<script src="docs/elements/web-components.min.js" defer></script>
</head>
<body>
<elements-api apiDescriptionUrl="openapi.json" router="hash" layout="responsive"></elements-api>
</body>
</html>
"""

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # Elements sets styles of its own
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""What the page may load, from where: nothing from another machine."""


def docs() -> Blueprint:
    """The page and its files."""
    blueprint = Blueprint("docs", __name__, static_folder=_ELEMENTS, static_url_path="/docs/elements")

    @blueprint.get("/docs")
    def page() -> Response:
        return Response(
            _PAGE,
            content_type="text/html; charset=utf-8",
            headers={"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"},
        )

    return blueprint
