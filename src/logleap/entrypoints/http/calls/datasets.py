"""The calls on data sets."""

from flask import Request, Response, g

from logleap.domain.entries import Totals
from logleap.domain.errors import DatasetNotFound, InvalidTransition, RetentionTooLong
from logleap.entrypoints.http.calls.long_calls import LongCalls, long_call
from logleap.entrypoints.http.contract import examples, responses
from logleap.entrypoints.http.contract.blueprint import Api
from logleap.entrypoints.http.contract.paging import Filters, page_position, page_token
from logleap.entrypoints.http.contract.requests import (
    AnnounceBody,
    EmptyBody,
    ListQuery,
    NoQuery,
    parse_query,
)
from logleap.entrypoints.http.errors.refusals import Busy
from logleap.entrypoints.http.ingest.small_body import parse_body
from logleap.entrypoints.http.middleware import observability
from logleap.entrypoints.http.middleware.quotas import Quota
from logleap.ports.archive import ArchiveDamaged
from logleap.ports.datasets import Position
from logleap.ports.errors import CountMismatch
from logleap.usecases.datasets import AnnounceDataset, DatasetView, ShowDatasets
from logleap.usecases.lifecycle.archive import ArchiveDataset
from logleap.usecases.lifecycle.delete import DeleteDataset

TAG = "Data sets"


def add(
    api: Api,
    *,
    announce: AnnounceDataset,
    datasets: ShowDatasets,
    archive: ArchiveDataset,
    delete: DeleteDataset,
    quota: Quota,
    long_calls: LongCalls,
) -> None:
    """Announce, list, show, archive and delete data sets. `quota` is of announced ones."""
    longest = announce.longest

    @api.call(
        "POST",
        "/data",
        tag=TAG,
        body=AnnounceBody,
        body_example=examples.ANNOUNCEMENT,
        answer=responses.Dataset,
        example=examples.ANNOUNCED,
        status=201,
        answer_headers=["Location"],
        raises=[RetentionTooLong],
    )
    def announce_dataset(request: Request) -> Response:
        """Create a data set.

        Then post entries to it, with the `dataId` of the answer.
        """
        parse_query(NoQuery, request)
        body = parse_body(AnnounceBody, request)
        quota.take(g.owner)
        dataset = announce(g.owner, body.name, body.labels, body.retention)
        observability.bind_ids(dataId=dataset.dataset_id)
        return responses.Dataset.of(DatasetView(dataset, Totals(0, 0)), longest).response(
            201, f"/data/{dataset.dataset_id}"
        )

    @api.call(
        "GET",
        "/data",
        tag=TAG,
        query=ListQuery,
        answer=responses.DatasetPage,
        example=examples.PAGE,
    )
    def list_datasets(request: Request) -> Response:
        """List your data sets, newest first.

        The pages show each data set once, even if others are created meanwhile.
        """
        query = parse_query(ListQuery, request)
        filters = Filters(query.state, query.name)
        position = page_position(query.page_token, filters)
        after = Position(*position) if position is not None else None
        page, following = datasets.list(g.owner, query.state, query.page_size, after, query.name)
        shown = [responses.Dataset.of(view, longest) for view in page]
        return responses.DatasetPage(
            datasets=shown, next_page_token=page_token(following, filters)
        ).response()

    @api.call(
        "GET",
        "/data/<dataId>",
        tag=TAG,
        answer=responses.Dataset,
        example=examples.TRAINED,
        raises=[DatasetNotFound],
    )
    def show_dataset(request: Request, data_id: str) -> Response:
        """Get a data set: its state, and what was acknowledged."""
        parse_query(NoQuery, request)
        return responses.Dataset.of(datasets.one(g.owner, data_id), longest).response()

    @api.call(
        "GET",
        "/data/<dataId>/events",
        tag=TAG,
        answer=responses.Events,
        example=examples.EVENTS,
        raises=[DatasetNotFound],
    )
    def show_events(request: Request, data_id: str) -> Response:
        """Get a data set's log, oldest first."""
        parse_query(NoQuery, request)
        return responses.Events.of(data_id, datasets.events(g.owner, data_id)).response()

    @api.call(
        "POST",
        "/data/<dataId>/archive",
        tag=TAG,
        body=EmptyBody,
        body_example={},
        answer=responses.Dataset,
        example=examples.ARCHIVED,
        raises=[ArchiveDamaged, Busy, CountMismatch, DatasetNotFound, InvalidTransition],
    )
    def archive_dataset(request: Request, data_id: str) -> Response:
        """Archive a data set.

        Its entries are written to a Parquet file, checked against the receipts, and then removed from the
        store. It can be trained on again. Repeating the call changes nothing.
        """
        parse_query(NoQuery, request)
        parse_body(EmptyBody, request)
        owner = g.owner
        with long_call(long_calls, (owner, data_id)):
            archived = archive(owner, data_id)
        return responses.Dataset.of(archived, longest).response()

    @api.call(
        "DELETE",
        "/data/<dataId>",
        tag=TAG,
        answer=None,
        status=204,
        raises=[DatasetNotFound, InvalidTransition],
    )
    def delete_dataset(request: Request, data_id: str) -> Response:
        """Delete a data set with its entries, receipts, runs and archive."""
        parse_query(NoQuery, request)
        delete(g.owner, data_id)
        return Response(status=204)
