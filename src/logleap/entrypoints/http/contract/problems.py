"""Every refusal and failure as application/problem+json (RFC 9457)."""

import logging
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from flask import Flask, Response, g, json
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from logleap.domain.errors import InvalidEntries
from logleap.entrypoints.http.contract.examples import BAD_ENTRY
from logleap.entrypoints.http.contract.responses import Answer, EntryProblem, EntryProblems, Positive
from logleap.entrypoints.http.errors.codes import PROBLEMS, Code, meaning_of
from logleap.entrypoints.http.errors.refusals import WORDINGS, HttpError, worded
from logleap.ports.archive import ArchiveDamaged
from logleap.ports.artifacts import ArtifactMissing
from logleap.ports.errors import CountMismatch, StorageFull, TemporarySpaceFull, Unavailable

log = logging.getLogger(__name__)


class Problem(Answer):
    """Why a request was refused or failed: problem details (RFC 9457) with additional fields."""

    type: Literal["about:blank"]
    title: str
    """The phrase of the HTTP status."""
    status: Annotated[int, Field(ge=400, le=599)]
    code: Annotated[Code, Field(json_schema_extra={"enum": list(PROBLEMS)})]
    """Stable: programs may switch on it."""
    detail: str
    """What is wrong, where, and what to do about it."""
    request_id: str
    """As in `X-Request-Id`, and in the service's log."""
    errors: EntryProblems | SkipJsonSchema[None] = None
    """The first invalid entries; with `ENTRIES_INVALID`."""
    errors_total: Positive | SkipJsonSchema[None] = None
    """The number of invalid entries. For NDJSON, reading stops at 100,000 of them, or at 16 MiB."""


def example_of(code: Code) -> Mapping[str, Any]:
    """What a problem with `code` looks like."""
    told = PROBLEMS[code]
    example = {
        "type": "about:blank",
        "title": HTTP_STATUS_CODES[told.status],
        "status": told.status,
        "code": code,
        "detail": f"{told.meaning} {told.remedy}",
        "requestId": "deploy-4711",
    }
    if code != WORDINGS[InvalidEntries].code:
        return example
    return {**example, "errors": [BAD_ENTRY], "errorsTotal": 1}


def problem(
    code: Code,
    detail: str,
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    **members: Any,
) -> Response:
    """A problem response, with the status of its code unless one is given.

    `members` are further fields of the body.
    """
    status = status or meaning_of(code).status
    g.problem_code = code
    body = {
        "type": "about:blank",
        "title": HTTP_STATUS_CODES[status],
        "status": status,
        "code": code,
        "detail": detail,
        "requestId": g.request_id,
        **members,
    }
    response = Response(json.dumps(body), status=status, content_type="application/problem+json")
    response.headers.update(dict(headers or {}))
    return response


def _http_error(error: HttpError, **members: Any) -> Response:
    return problem(error.code, error.detail, headers=error.headers, **members)


def _refusal(refusal: Exception) -> Response:
    return _http_error(worded(refusal))


def _invalid_entries(refusal: InvalidEntries) -> Response:
    errors = [EntryProblem.of(error).model_dump() for error in refusal.errors]
    return _http_error(worded(refusal), errors=errors, errorsTotal=refusal.total)


def _unavailable(error: Unavailable) -> Response:
    log.warning("unavailable: %s", error)
    return _refusal(error)


def _damage(error: CountMismatch | ArchiveDamaged | ArtifactMissing) -> Response:
    log.error("request %s: %s", g.request_id, error)
    return _refusal(error)


def _http_exception(error: HTTPException) -> Response:
    """What Flask itself refuses."""
    response = error.get_response()
    status = response.status_code
    code = HTTP_STATUS_CODES[status].upper().replace(" ", "_")
    detail = error.description or HTTP_STATUS_CODES[status]
    headers = {}
    if "Allow" in response.headers:
        headers["Allow"] = ", ".join(sorted(response.headers["Allow"].split(", ")))
        detail = f"This path supports only {headers['Allow']}."
    elif status == 404:
        detail = (
            "There is no such path. The calls are POST /data, /data/{dataId}, /train/{dataId}; /docs has all."
        )
    return problem(code, detail, status=status, headers=headers)


def _bug(error: Exception) -> Response:
    log.error("request %s failed", g.request_id, exc_info=error)
    return problem(
        "INTERNAL_ERROR",
        "LogLeap failed while handling this request. Its log has the details, under this requestId.",
    )


def register(app: Flask) -> None:
    """Answer every exception as a problem."""
    for refusal in WORDINGS:
        app.register_error_handler(refusal, _refusal)
    app.register_error_handler(InvalidEntries, _invalid_entries)
    app.register_error_handler(StorageFull, _unavailable)
    app.register_error_handler(TemporarySpaceFull, _unavailable)
    app.register_error_handler(Unavailable, _unavailable)
    app.register_error_handler(CountMismatch, _damage)
    app.register_error_handler(ArchiveDamaged, _damage)
    app.register_error_handler(ArtifactMissing, _damage)
    app.register_error_handler(HttpError, _http_error)
    app.register_error_handler(HTTPException, _http_exception)
    app.register_error_handler(Exception, _bug)
