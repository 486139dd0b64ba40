"""A log file into a data set."""

import secrets
from typing import BinaryIO, NamedTuple, cast

from flask import Request, Response, g

from logleap.client.logfiles import FORMATS, LogFileError
from logleap.codecs.mappings import load_mappings
from logleap.domain.datasets import TRANSITIONS, Action, Dataset
from logleap.domain.errors import BatchEmpty, InvalidTransition, KeyReused
from logleap.entrypoints.console.frame import Console, Form, form_key, is_number
from logleap.entrypoints.console.log_upload import LogUpload, in_the_forms_words, read_options
from logleap.entrypoints.console.multipart import UploadForm
from logleap.entrypoints.http.bounds import FORM_BYTES
from logleap.entrypoints.http.calls.long_calls import long_call
from logleap.entrypoints.http.errors.codes import Code
from logleap.entrypoints.http.errors.refusals import HttpError
from logleap.entrypoints.http.ingest.body import open_body
from logleap.entrypoints.http.middleware import observability

_NAME_CHARS = 256  # as in the API

_OF_ANOTHER_FILE = (
    "The form that you sent has stored another file before, or this one read in another way. Choose the file "
    "again here if it is to be added too."
)


class _Outcome(NamedTuple):
    dataset: Dataset | None
    entries: int
    replayed: bool = False


class _Storing:
    """Stores the entries of a form's file, once per key."""

    def __init__(self, console: Console) -> None:
        container = console.container
        self._quotas = console.bounds.quotas
        self._announce = container.announce_dataset()
        self._append, self._check = container.append_entries(), container.check_entries()
        self._watched = container.instruments().trace_source

    def __call__(
        self, owner: str, form: UploadForm, dataset: Dataset | None, log: LogUpload, key: str
    ) -> _Outcome:
        """What became of them. Without a data set the key gets a new one, at its first time."""
        only_check = form.fields.get("check") == "1"
        log.begin()
        if dataset is None and only_check:
            return _Outcome(None, sum(map(len, log)))
        if dataset is None:
            self._quotas.datasets.take(owner)
            dataset = self._announce.once(owner, form.fields.get("name", "").strip() or None, key)
            observability.bind_ids(dataId=dataset.dataset_id)
        data_id = dataset.dataset_id
        if only_check:
            return _Outcome(dataset, self._check(owner, data_id, self._watched(log)).entries)
        # As in the API: a batch that is stored already uses up nothing.
        self._quotas.entries.require(owner, unless=lambda: self._append.stored(owner, data_id, key))
        acknowledged = self._append(owner, data_id, self._watched(log), key)
        if not acknowledged.replayed:
            self._quotas.entries.spend(owner, acknowledged.receipt.entries)
        observability.record_upload(acknowledged)
        return _Outcome(dataset, acknowledged.receipt.entries, acknowledged.replayed)


def add(console: Console) -> None:
    """Register the pages, and the changes."""
    container = console.container
    limits = console.bounds.limits
    mappings = load_mappings(container.settings().mappings)
    show, start = container.show_datasets(), container.start_training()
    store = _Storing(console)

    def form_page(dataset: Dataset | None, fields: Form, problem: tuple[Code, str] | None = None) -> Response:
        if problem is not None:
            g.problem_code = problem[0]
        # Nothing is stored under the number of a form that was refused, but for one that stored another file.
        kept = fields.get("attempt", "") if problem and problem[0] != "IDEMPOTENCY_KEY_REUSED" else ""
        return console.render(
            "upload.html",
            200 if problem is None else 422,
            dataset=dataset,
            fields=fields,
            problem=problem and problem[1],
            attempt=kept if is_number(kept) else secrets.token_hex(16),
            formats=FORMATS,
            mappings=sorted(mappings),
            most_bytes=limits.ndjson_bytes,
        )

    def upload(request: Request, owner: str, dataset: Dataset | None) -> Response:
        body = open_body(request, limits.ndjson_bytes + FORM_BYTES)
        form = UploadForm(body, request.mimetype_params.get("boundary", ""))
        console.sessions.check_token(g.visitor, form.fields.get("csrf", ""))
        key = form_key(form.fields)
        try:
            _check_name(form)
            options = read_options(form.fields, mappings, limits.ndjson_bytes)
            with long_call(console.bounds.long_calls):
                log = LogUpload(cast("BinaryIO", form.file), form.name, options, limits)
                outcome = store(owner, form, dataset, log, key)
        except LogFileError as error:
            return form_page(dataset, form.fields, ("LOG_UNREADABLE", in_the_forms_words(str(error))))
        except HttpError as error:
            if error.code not in ("FORM_INVALID", "FILE_MISSING"):
                raise
            return form_page(dataset, form.fields, (error.code, error.detail))
        except BatchEmpty:
            return form_page(dataset, form.fields, ("BATCH_EMPTY", f"{form.name} has no entries."))
        except KeyReused:
            return form_page(dataset, form.fields, ("IDEMPOTENCY_KEY_REUSED", _OF_ANOTHER_FILE))
        return console.render(
            "uploaded.html",
            dataset=outcome.dataset,
            only_check=form.fields.get("check") == "1",
            entries=outcome.entries,
            replayed=outcome.replayed,
            name=form.name,
            told=[in_the_forms_words(line) for line in log.report.in_words()],
            tasks=start.tasks,
            attempt=secrets.token_hex(16),
        )

    @console.page("/upload")
    def upload_form(request: Request, owner: str) -> Response:
        return form_page(None, {"name": request.args.get("name", "")[:_NAME_CHARS]})

    @console.page("/data/<dataId>/upload")
    def upload_more_form(request: Request, owner: str, data_id: str) -> Response:
        dataset = show.one(owner, data_id).dataset
        if (dataset.state, Action.UPLOAD) not in TRANSITIONS:
            raise InvalidTransition(data_id, dataset.state, Action.UPLOAD)
        return form_page(dataset, {})

    @console.upload("/upload")
    def upload_log(request: Request, owner: str) -> Response:
        return upload(request, owner, None)

    @console.upload("/data/<dataId>/upload")
    def upload_more(request: Request, owner: str, data_id: str) -> Response:
        return upload(request, owner, show.one(owner, data_id).dataset)


def _check_name(form: UploadForm) -> None:
    if len(form.fields.get("name", "").strip()) > _NAME_CHARS:
        raise HttpError("FORM_INVALID", f"“Name” has more than {_NAME_CHARS} characters.")
    if not form.name:
        raise HttpError("FILE_MISSING", "The form has no file. Choose a log file.")
