"""Signing in with a key, and out."""

from flask import Request, Response, g, request

from logleap.domain.errors import InvalidApiKey
from logleap.entrypoints.console.errors import return_to
from logleap.entrypoints.console.frame import Console, read_form
from logleap.entrypoints.console.sessions import SignInRequired, check_same_origin


def add(console: Console) -> None:
    """Register the page, and the two changes."""

    @console.blueprint.get("/console/sign-in")
    def sign_in() -> Response:
        wanted = return_to(request.args.get("next", ""))
        if _signed_in(console):
            return _see(wanted)
        return console.render("sign_in.html", wanted=wanted, refused=False)

    @console.blueprint.post("/console/sign-in")
    def begin_session() -> Response:
        asked: Request = request._get_current_object()  # type: ignore[attr-defined]
        check_same_origin(asked)
        form = read_form(asked)
        console.sessions.check_token(None, form.get("csrf", ""))
        wanted = return_to(form.get("next", ""))
        response = _see(wanted)
        try:
            console.sessions.sign_in(form.get("key", "").strip(), asked, response)
        except InvalidApiKey:
            g.problem_code = "API_KEY_INVALID"
            return console.render("sign_in.html", 401, wanted=wanted, refused=True)
        return response

    @console.change("/sign-out")
    def end_session(asked: Request, owner: str, form: object) -> Response:
        response = console.redirect_to("sign_in")
        console.sessions.sign_out(asked, response)
        return response


def _signed_in(console: Console) -> bool:
    try:
        console.sessions.visitor(request._get_current_object())  # type: ignore[attr-defined]
    except SignInRequired:
        return False
    return True


def _see(address: str) -> Response:
    return Response(status=303, headers={"Location": address, "Cache-Control": "no-store"})
