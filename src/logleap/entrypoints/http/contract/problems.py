"""Every refusal and failure as application/problem+json (RFC 9457)."""

import logging
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from flask import Flask, Response, g, json
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from logleap.domain.errors import EntriesRefused, Refusal
from logleap.entrypoints.http.contract.codes import PROBLEMS, Code
from logleap.entrypoints.http.contract.examples import BAD_ENTRY
from logleap.entrypoints.http.contract.responses import Answer, EntryProblem, EntryProblems, Positive
from logleap.entrypoints.http.ingest.body import BodyRefused
from logleap.ports.archive import ArchiveDamaged
from logleap.ports.errors import CountMismatch, StorageFull, Unavailable

log = logging.getLogger(__name__)

RETRY_AFTER_FULL = 30  # seconds, with STORAGE_FULL: somebody has to make room first
RETRY_AFTER = 2  # seconds, told with every 503


class Problem(Answer):
    """Why a request was refused or failed: problem details as of RFC 9457, and more."""

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
    """The first bad entries; with `ENTRIES_INVALID`."""
    errors_total: Positive | SkipJsonSchema[None] = None
    """How many there are; of NDJSON at most 100,000, or 16 MiB of them, where reading stops."""


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
    if code != EntriesRefused.code:
        return example
    return {**example, "errors": [BAD_ENTRY], "errorsTotal": 1}


class RequestRefused(Exception):
    """Something about the request, other than its body, is wrong."""

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.headers = headers or {}


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **members: Any,
) -> Response:
    """A problem response; `members` are further fields of the body."""
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


def _entry_problems(refused: EntriesRefused) -> dict[str, Any]:
    errors = [EntryProblem.of(error).model_dump() for error in refused.errors]
    return {"errors": errors, "errorsTotal": refused.total}


def _refusal(refusal: Refusal) -> Response:
    status = PROBLEMS[refusal.code].status
    if isinstance(refusal, EntriesRefused):
        return problem(status, refusal.code, str(refusal), **_entry_problems(refusal))
    return problem(status, refusal.code, str(refusal))


def _request_refused(refused: RequestRefused) -> Response:
    return problem(refused.status, refused.code, str(refused), headers=refused.headers)


def _body_refused(refused: BodyRefused) -> Response:
    return problem(refused.status, refused.code, str(refused), headers=refused.headers)


def _unavailable(error: Unavailable) -> Response:
    log.warning("unavailable: %s", error)
    return problem(
        503,
        "UNAVAILABLE",
        f"The backend cannot answer now ({error}). It is not known whether the request took effect: "
        "repeat it, with the same Idempotency-Key if it has one.",
        headers={"Retry-After": str(RETRY_AFTER)},
    )


def _storage_full(error: StorageFull) -> Response:
    log.warning("no room: %s", error)
    return problem(
        503,
        "STORAGE_FULL",
        f"Nothing of this request was stored ({error}). {PROBLEMS['STORAGE_FULL'].remedy}",
        headers={"Retry-After": str(RETRY_AFTER_FULL)},
    )


def _count_mismatch(error: CountMismatch) -> Response:
    log.error("request %s: %s", g.request_id, error)
    return problem(500, "COUNT_MISMATCH", f"{error} Nothing was changed; the operator has to look into it.")


def _archive_damaged(error: ArchiveDamaged) -> Response:
    log.error("request %s: %s", g.request_id, error)
    detail = f"The archive cannot be read: {error}. The operator has to look into it."
    return problem(500, "ARCHIVE_DAMAGED", detail)


def _http_exception(error: HTTPException) -> Response:
    response = error.get_response()
    status = response.status_code
    code = HTTP_STATUS_CODES[status].upper().replace(" ", "_")
    detail = error.description or HTTP_STATUS_CODES[status]
    headers = {}
    if "Allow" in response.headers:
        headers["Allow"] = ", ".join(sorted(response.headers["Allow"].split(", ")))
        detail = f"This path answers {headers['Allow']} only."
    elif status == 404:
        detail = "There is nothing here. The calls are POST /data, /data/{dataId} and /train/{dataId}."
    return problem(status, code, detail, headers=headers)


def _bug(error: Exception) -> Response:
    log.error("request %s failed", g.request_id, exc_info=error)
    return problem(
        500, "INTERNAL_ERROR", "LogLeap failed at this request. Its log tells more under this requestId."
    )


def register(app: Flask) -> None:
    """Answer every exception as a problem."""
    app.register_error_handler(Refusal, _refusal)
    app.register_error_handler(RequestRefused, _request_refused)
    app.register_error_handler(BodyRefused, _body_refused)
    app.register_error_handler(StorageFull, _storage_full)
    app.register_error_handler(Unavailable, _unavailable)
    app.register_error_handler(CountMismatch, _count_mismatch)
    app.register_error_handler(ArchiveDamaged, _archive_damaged)
    app.register_error_handler(HTTPException, _http_exception)
    app.register_error_handler(Exception, _bug)
