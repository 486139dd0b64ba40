"""The calls on trainings."""

from flask import Request, Response, g

from logleap.domain.errors import (
    DatasetEmpty,
    DatasetNotFound,
    EntryCountDiffers,
    InvalidTransition,
    KeyReused,
    ModelMissing,
    ParameterInvalid,
    RunFinished,
    RunInProgress,
    RunNotFound,
    TaskUnknown,
    TimeLimitTooLong,
)
from logleap.domain.runs import Origin
from logleap.entrypoints.http.contract import examples, responses
from logleap.entrypoints.http.contract.blueprint import Api
from logleap.entrypoints.http.contract.headers import RepeatableHeaders
from logleap.entrypoints.http.contract.paging import RunsOf, page_position, page_token
from logleap.entrypoints.http.contract.requests import (
    CancelBody,
    NoQuery,
    RunPath,
    RunsQuery,
    TrainBody,
    idempotency_key,
    parse_query,
)
from logleap.entrypoints.http.ingest.small_body import parse_body
from logleap.entrypoints.http.middleware import observability
from logleap.ports.runs import RunPosition
from logleap.usecases.training.cancel_training import CancelTraining
from logleap.usecases.training.start_training import ListRuns, ShowTraining, StartTraining

TAG = "Training"


def add(
    api: Api,
    *,
    start: StartTraining,
    show_training: ShowTraining,
    runs: ListRuns,
    cancel: CancelTraining,
) -> None:
    """Start a training, get the state and result of each run, cancel one."""

    @api.call(
        "POST",
        "/train/<dataId>",
        tag=TAG,
        headers=RepeatableHeaders,
        body=TrainBody,
        body_example=examples.START,
        narrowed={
            "properties": {
                "task": {"enum": [*start.tasks, None]},
                "timeLimit": {"maximum": int(start.time_limit.total_seconds())},
            }
        },
        answer=responses.StartedRun,
        example=examples.STARTED,
        status=202,
        answer_headers=["Location"],
        raises=[
            DatasetEmpty,
            DatasetNotFound,
            EntryCountDiffers,
            InvalidTransition,
            KeyReused,
            ModelMissing,
            ParameterInvalid,
            RunInProgress,
            TaskUnknown,
            TimeLimitTooLong,
        ],
    )
    def start_training(request: Request, data_id: str) -> Response:
        """Start the training on a data set's entries.

        The data set accepts no entries from then on. While the run is under way, a repeated call answers the
        same run; with an Idempotency-Key it does so for as long as the data set exists.
        """
        parse_query(NoQuery, request)
        key = idempotency_key(request)
        body = parse_body(TrainBody, request)
        run = start(
            g.owner,
            data_id,
            task=body.task,
            parameters=body.parameters,
            expected_entries=body.expected_entries,
            time_limit=body.allowed_time,
            key=key,
            origin=Origin(g.request_id, g.traceparent),
        )
        observability.bind_ids(runId=run.run_id)
        return responses.StartedRun.of(run).response(202, f"/train/{data_id}")

    @api.call(
        "GET",
        "/train/<dataId>",
        tag=TAG,
        answer=responses.Run,
        example=examples.SUCCEEDED,
        raises=[DatasetNotFound, RunNotFound],
    )
    def show_run(request: Request, data_id: str) -> Response:
        """Get the latest training run, with its result once it has ended."""
        parse_query(NoQuery, request)
        run = show_training(g.owner, data_id)
        observability.bind_ids(runId=run.run_id)
        return responses.Run.of(run).response()

    @api.call(
        "GET",
        "/train/<dataId>/runs",
        tag=TAG,
        query=RunsQuery,
        answer=responses.RunPage,
        example=examples.RUNS,
        raises=[DatasetNotFound],
    )
    def list_runs(request: Request, data_id: str) -> Response:
        """List all training runs of a data set, newest first.

        The pages show each run once, even if others are started meanwhile.
        """
        query = parse_query(RunsQuery, request)
        listed = RunsOf(data_id)
        position = page_position(query.page_token, listed)
        after = RunPosition(*position) if position is not None else None
        page, following = runs(g.owner, data_id, query.page_size, after)
        shown = [responses.Run.of(run) for run in page]
        return responses.RunPage(runs=shown, next_page_token=page_token(following, listed)).response()

    @api.call(
        "GET",
        "/train/<dataId>/runs/<runId>",
        tag=TAG,
        path=RunPath,
        answer=responses.Run,
        example=examples.SUCCEEDED,
        raises=[DatasetNotFound, RunNotFound],
    )
    def show_one_run(request: Request, data_id: str, run_id: str) -> Response:
        """Get one training run, with its result or its error once it has ended."""
        parse_query(NoQuery, request)
        observability.bind_ids(runId=run_id)
        return responses.Run.of(show_training(g.owner, data_id, run_id)).response()

    @api.call(
        "POST",
        "/train/<dataId>/cancel",
        tag=TAG,
        body=CancelBody,
        body_example={},
        answer=responses.Run,
        example=examples.CANCELLED,
        raises=[DatasetNotFound, RunFinished, RunNotFound],
    )
    def cancel_run(request: Request, data_id: str) -> Response:
        """Cancel the training run: it ends as failed, with the code CANCELLED, and stores no result.

        A queued run ends at once; a running one when its task stops, or is stopped by force after the
        operator's grace time. The call may be repeated.
        """
        parse_query(NoQuery, request)
        body = parse_body(CancelBody, request)
        run = cancel(g.owner, data_id, body.run_id)
        observability.bind_ids(runId=run.run_id)
        return responses.Run.of(run).response()
