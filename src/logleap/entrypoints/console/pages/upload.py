"""A log file into a data set."""

import re
import secrets
from typing import BinaryIO, NamedTuple, cast

from flask import Request, Response, g

from logleap.client.logfiles import FORMATS, LogFileError
from logleap.codecs.limits import Limits
from logleap.codecs.mappings import load_mappings
from logleap.domain.datasets import Action, State
from logleap.domain.errors import BatchEmpty, InvalidTransition, KeyReused
from logleap.entrypoints.console.frame import Console, Form
from logleap.entrypoints.console.log_upload import LogUpload, in_the_forms_words, read_options
from logleap.entrypoints.console.multipart import UploadForm
from logleap.entrypoints.http.calls.long_calls import long_call
from logleap.entrypoints.http.errors.codes import Code
from logleap.entrypoints.http.errors.refusals import HttpError
from logleap.entrypoints.http.ingest.body import open_body
from logleap.entrypoints.http.middleware import observability
from logleap.settings import Settings
from logleap.usecases.append import EntrySource
from logleap.usecases.datasets import DatasetView

_ATTEMPT = re.compile("[0-9a-f]{32}")
_FORM_BYTES = 1 << 20  # of a form besides its file

_OF_ANOTHER_FILE = (
    "The form that you sent has stored another file before, or this one read in another way. Choose the file "
    "again here if it is to be added too."
)


class _Outcome(NamedTuple):
    entries: int
    replayed: bool


def add(console: Console) -> None:
    """Register the page, and the change."""
    container, quota = console.container, console.bounds.quotas.entries
    limits = _limits(container.settings())
    mappings = load_mappings(container.settings().mappings)
    show, append, check = container.show_datasets(), container.append_entries(), container.check_entries()
    watched = container.instruments().trace_source

    def form_page(view: DatasetView, fields: Form, problem: tuple[Code, str] | None = None) -> Response:
        if problem is not None:
            g.problem_code = problem[0]
        return console.render(
            "upload.html",
            200 if problem is None else 422,
            dataset=view.dataset,
            totals=view.totals,
            fields=fields,
            problem=problem and problem[1],
            attempt=secrets.token_hex(16),
            formats=FORMATS,
            mappings=sorted(mappings),
            most_bytes=limits.ndjson_bytes,
        )

    @console.page("/data/<dataId>/upload")
    def upload_form(request: Request, owner: str, data_id: str) -> Response:
        view = show.one(owner, data_id)
        if view.dataset.state not in (State.CREATED, State.UPLOADING):
            raise InvalidTransition(data_id, view.dataset.state, Action.UPLOAD)
        return form_page(view, {})

    def store(owner: str, data_id: str, source: EntrySource, key: str) -> _Outcome:
        # As in the API: a batch that is stored already uses up nothing.
        quota.require(owner, unless=lambda: append.stored(owner, data_id, key))
        acknowledged = append(owner, data_id, source, key)
        if not acknowledged.replayed:
            quota.spend(owner, acknowledged.receipt.entries)
        observability.record_upload(acknowledged)
        return _Outcome(acknowledged.receipt.entries, acknowledged.replayed)

    @console.upload("/data/<dataId>/upload")
    def upload_log(request: Request, owner: str, data_id: str) -> Response:
        view = show.one(owner, data_id)
        body = open_body(request, limits.ndjson_bytes + _FORM_BYTES)
        form = UploadForm(body, request.mimetype_params.get("boundary", ""))
        console.sessions.check_token(g.visitor, form.fields.get("csrf", ""))
        key = _key(form)
        only_check = form.fields.get("check") == "1"
        try:
            options = read_options(form.fields, mappings, limits.ndjson_bytes)
            with long_call(console.bounds.long_calls):
                log = LogUpload(cast("BinaryIO", form.file), form.name, options, limits)
                source = watched(log)
                if only_check:
                    outcome = _Outcome(check(owner, data_id, source).entries, replayed=False)
                else:
                    outcome = store(owner, data_id, source, key)
        except LogFileError as error:
            return form_page(view, form.fields, ("LOG_UNREADABLE", in_the_forms_words(str(error))))
        except HttpError as error:
            if error.code not in ("FORM_INVALID", "FILE_MISSING"):
                raise
            return form_page(view, form.fields, (error.code, error.detail))
        except BatchEmpty:
            return form_page(view, form.fields, ("BATCH_EMPTY", f"{form.name} has no entries."))
        except KeyReused:
            return form_page(view, form.fields, ("IDEMPOTENCY_KEY_REUSED", _OF_ANOTHER_FILE))
        return console.render(
            "uploaded.html",
            dataset=view.dataset,
            only_check=only_check,
            entries=outcome.entries,
            replayed=outcome.replayed,
            name=form.name,
            told=[in_the_forms_words(line) for line in log.report.in_words()],
        )


def _key(form: UploadForm) -> str:
    """The idempotency key: each form that is shown has a number of its own, and stores its file once."""
    attempt = form.fields.get("attempt", "")
    if not _ATTEMPT.fullmatch(attempt):
        raise HttpError("FORM_INVALID", "The form has no number of its own. Reload the page.")
    return f"console-{attempt}"


def _limits(settings: Settings) -> Limits:
    return Limits(
        json_bytes=settings.json_body_limit,
        ndjson_bytes=settings.ndjson_body_limit,
        entry_bytes=settings.entry_limit,
        json_entries=settings.json_entries_limit,
    )
