"""What all pages share: how they are registered, who may see them, how they are rendered.

A page is a file in `pages/` with a function `add(console)` that registers views, and a template. A view gets
its use cases from `console.container` and the owner as an argument; it never looks behind the use cases.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from flask import Blueprint, Request, Response, g, request, url_for
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from logleap.container import Container
from logleap.entrypoints.console.assets import assets
from logleap.entrypoints.console.counting import OverTime
from logleap.entrypoints.console.formats import FILTERS, speaks_german
from logleap.entrypoints.console.sessions import Sessions, Visitor, check_same_origin
from logleap.entrypoints.http.bounds import Bounds
from logleap.entrypoints.http.errors.refusals import HttpError
from logleap.entrypoints.http.ingest.body import read_body

FORM_BYTES = 256 * 1024
"""Of a form without a file."""

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
"""What a page may load, from where, and who may frame it."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",  # with no-referrer browsers send forms with `Origin: null`
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Vary": "Accept-Language, Cookie",
}

_NUMBER = re.compile("[0-9a-f]{32}")

Form = Mapping[str, str]
View = TypeVar("View", bound=Callable[..., Response])


class Console:
    """The console of an app: pages register themselves on it.

    `container` has the use cases, `bounds` what is shared with the API (quotas, turns of long calls).
    """

    def __init__(self, container: Container, bounds: Bounds) -> None:
        self.container = container
        self.bounds = bounds
        self.over_time = OverTime(container.show_datasets(), container.read_entries())
        self.sessions = Sessions(container.authenticate(), container.settings().console_session)
        self.blueprint = Blueprint("console", __name__)
        self._environment = Environment(
            loader=PackageLoader("logleap.entrypoints.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters.update(FILTERS)
        self._environment.globals.update(url_for=url_for, asset=_asset, csrf=self._csrf)

    # ---- registering views ----

    def page(self, rule: str) -> Callable[[View], View]:
        """Register a view for GET of /console and `rule`: `view(request, owner, *path)`.

        Its name is its endpoint: `url_for("console.<name>", dataId=…)`. Variables of the path are named as in
        the API's (`dataId`), so that the log has them. Whoever is not signed in is sent to the sign-in page.
        """

        def registered(view: View) -> View:
            def answer(**path: str) -> Response:
                visitor = self._enter()
                return view(_request(), visitor.owner, *path.values())

            self.blueprint.add_url_rule(f"/console{rule}", view.__name__, answer, methods=["GET"])
            return view

        return registered

    def change(self, rule: str) -> Callable[[View], View]:
        """Register a view for a form that is posted: `view(request, owner, form, *path)`.

        It is reached only by a form of a page of ours: `{{ csrf() }}` in it. It ends with `redirect_to`.
        """

        def registered(view: View) -> View:
            def answer(**path: str) -> Response:
                check_same_origin(_request())
                visitor = self._enter()
                form = read_form(_request())
                self.sessions.check_token(visitor, form.get("csrf", ""))
                return view(_request(), visitor.owner, form, *path.values())

            self.blueprint.add_url_rule(f"/console{rule}", view.__name__, answer, methods=["POST"])
            return view

        return registered

    def upload(self, rule: str) -> Callable[[View], View]:
        """The same for a form with a file: `view(request, owner, *path)` reads it, and its token, itself."""

        def registered(view: View) -> View:
            def answer(**path: str) -> Response:
                check_same_origin(_request())
                return view(_request(), self._enter().owner, *path.values())

            self.blueprint.add_url_rule(f"/console{rule}", view.__name__, answer, methods=["POST"])
            return view

        return registered

    # ---- answering ----

    def render(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page: the template with `values`.

        Besides them it has `visitor` (None: nobody is signed in), and the functions `url_for`, `asset` and
        `csrf`. All that is inserted is escaped; text of logs goes through the filter `text`, times through
        `time`, numbers through `number`, `size` or `duration`.
        """
        g.german = speaks_german(_request())
        page = self._environment.get_template(template).render(visitor=g.get("visitor"), **values)
        return Response(
            page.encode("utf-8", "replace"),
            status,
            headers=dict(HEADERS),
            content_type="text/html; charset=utf-8",
        )

    def redirect_to(self, endpoint: str, **path: str | None) -> Response:
        """See this page of ours instead: `endpoint` without `console.`."""
        address = url_for(f"console.{endpoint}", **path)  # type: ignore[arg-type]
        response = Response(status=303, headers={"Location": address})
        response.headers["Cache-Control"] = "no-store"
        return response

    # ---- the visitor ----

    def _enter(self) -> Visitor:
        visitor = self.sessions.visitor(_request())
        g.visitor, g.owner = visitor, visitor.owner
        g.german = speaks_german(_request())
        self.bounds.quotas.requests.take(visitor.owner)
        return visitor

    def _csrf(self) -> Markup:
        """The hidden field that each form with method="post" needs."""
        token = self.sessions.token(g.get("visitor"))
        return Markup('<input type="hidden" name="csrf" value="{}">').format(token)


def form_key(fields: Form) -> str:
    """The idempotency key of a form: each that is shown has a number of its own, and takes effect once.

    Raises HttpError (400).
    """
    if not is_number(fields.get("attempt", "")):
        raise HttpError("FORM_INVALID", "The form has no number of its own. Reload the page.")
    return f"console-{fields['attempt']}"


def is_number(text: str) -> bool:
    """Whether it is the number of a form."""
    return _NUMBER.fullmatch(text) is not None


def read_form(request: Request) -> Form:
    """The fields of a small form; of several of one name the first. Raises HttpError, or as `read_body`."""
    if request.mimetype != "application/x-www-form-urlencoded":
        raise HttpError(
            "UNSUPPORTED_MEDIA_TYPE",
            f"Content-Type is {request.mimetype[:80]!r}. Use the forms of the console.",
            {"Accept": "application/x-www-form-urlencoded"},
        )
    body = read_body(request, FORM_BYTES)
    fields: dict[str, str] = {}
    for name, value in parse_qsl(
        body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=1000
    ):
        fields.setdefault(name, value)
    return fields


def _request() -> Request:
    return request._get_current_object()  # type: ignore[attr-defined,no-any-return]


def _asset(name: str) -> str:
    """The address of `console.css` or `console.js`."""
    return url_for("console.asset", digest=assets()[name].digest, name=name)
