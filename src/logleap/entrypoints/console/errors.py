"""Refusals and failures as pages, in words, with the id of the request."""

import logging
from http import HTTPStatus
from urllib.parse import urlsplit

from flask import Response, g, request, url_for
from werkzeug.exceptions import HTTPException

from logleap.entrypoints.console.frame import Console
from logleap.entrypoints.console.sessions import PATH, SignInRequired
from logleap.entrypoints.http.errors.codes import Code
from logleap.entrypoints.http.errors.refusals import WORDINGS, HttpError, worded
from logleap.ports.archive import ArchiveDamaged
from logleap.ports.artifacts import ArtifactMissing
from logleap.ports.errors import CountMismatch, Unavailable

log = logging.getLogger(__name__)

_NOT_THERE = "There is nothing at this address: it is unknown, was deleted, or belongs to somebody else."

_WORDS = {
    "DATASET_NOT_FOUND": (
        "There is no such data set",
        "It was deleted, or its address is wrong, or it belongs to somebody else.",
    ),
    "RUN_NOT_FOUND": ("There is no such run", "The data set has no run of this id, or none yet."),
    "HOST_NOT_ALLOWED": ("This address cannot be used", None),
    "CROSS_SITE_REQUEST": ("This request came from another page", None),
    "FORM_EXPIRED": ("This form is too old", None),
    "QUOTA_EXCEEDED": ("A quota is used up", None),
    "BUSY": ("The server is busy", "Too much that takes long is under way. Try again in a few seconds."),
    "UNAVAILABLE": (
        "The data cannot be reached now",
        "The backend does not answer. It is unknown whether a change took effect: look, and try again.",
    ),
    "BODY_TOO_LARGE": ("This file is too large", "Split it, or use logleap push."),
    "STORAGE_FULL": ("There is no room left", None),
    "PAGE_TOKEN_INVALID": ("This list has changed", "Begin with its first page."),
}
"""Title, and what is said instead of the API's words, which name calls and parameters (None: these)."""


def register(console: Console) -> None:
    """Answer every exception under /console as a page."""

    def show(code: Code, detail: str, status: int) -> Response:
        g.problem_code = code
        title, words = _WORDS.get(code, (None, None))
        return console.render(
            "error.html",
            status,
            title=title or HTTPStatus(status).phrase,
            detail=words or detail,
            code=code,
            request_id=g.request_id,
        )

    def refuse(error: HttpError) -> Response:
        page = show(error.code, error.detail, error.status)
        page.headers.update(dict(error.headers))
        page.headers.pop("WWW-Authenticate", None)  # the browser would ask for a password
        return page

    def refusal(error: Exception) -> Response:
        return refuse(worded(error))

    def unavailable(error: Unavailable) -> Response:
        log.warning("unavailable: %s", error)
        return refuse(worded(error))

    def damage(error: Exception) -> Response:
        log.error("request %s: %s", g.request_id, error)
        return refuse(worded(error))

    def sign_in(_: SignInRequired) -> Response:
        if request.method in ("GET", "HEAD"):
            return console.redirect_to(
                "sign_in", next=request.script_root + request.full_path.removesuffix("?")
            )
        referrer = urlsplit(request.headers.get("Referer", "")).path
        page = console.render(
            "signed_out.html", 401, href=url_for("console.sign_in", next=referrer), request_id=g.request_id
        )
        g.problem_code = "API_KEY_MISSING"
        return page

    def http_exception(error: HTTPException) -> Response:
        status = error.code or 500
        detail = _NOT_THERE if status == 404 else error.description or ""
        page = show(HTTPStatus(status).phrase.upper().replace(" ", "_"), detail, status)
        if "Allow" in (error.get_response().headers):
            page.headers["Allow"] = error.get_response().headers["Allow"]
        return page

    def bug(error: Exception) -> Response:
        log.error("request %s failed", g.request_id, exc_info=error)
        return show(
            "INTERNAL_ERROR",
            "LogLeap failed while making this page. Its log has the details, under the request id below.",
            500,
        )

    errors = console.blueprint.register_error_handler
    for kind in WORDINGS:
        errors(kind, refusal)
    errors(Unavailable, unavailable)
    for damaged in (CountMismatch, ArchiveDamaged, ArtifactMissing):
        errors(damaged, damage)
    errors(HttpError, refuse)
    errors(SignInRequired, sign_in)
    errors(HTTPException, http_exception)
    errors(Exception, bug)


def return_to(wanted: str) -> str:
    """Where to go after signing in: `wanted`, if it is an address of the console."""
    console = request.script_root + PATH
    inside = wanted == console or wanted.startswith((f"{console}/", f"{console}?"))
    odd = "\\" in wanted or not wanted.isprintable() or wanted.startswith(f"{console}/sign-")
    return wanted if inside and not odd else url_for("console.datasets")
