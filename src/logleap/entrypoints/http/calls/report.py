"""The call that tells what a data set's entries are like."""

from datetime import timedelta
from typing import Annotated

from flask import Request, Response, g
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from logleap.domain import report as domain
from logleap.domain.datasets import State
from logleap.domain.errors import DatasetNotFound, InvalidTransition
from logleap.domain.runs import Run
from logleap.entrypoints.http.calls.long_calls import LongCalls, long_call
from logleap.entrypoints.http.contract import examples
from logleap.entrypoints.http.contract.blueprint import Api
from logleap.entrypoints.http.contract.requests import NoQuery, parse_query
from logleap.entrypoints.http.contract.responses import OPTIONAL, Answer, Count, Id, Time, time
from logleap.entrypoints.http.errors.refusals import Busy
from logleap.ports.archive import ArchiveDamaged
from logleap.ports.errors import CountMismatch
from logleap.usecases.report import DatasetReport, ReportOnDataset

TAG = "Data sets"

Seconds = Annotated[float, Field(ge=0)]


class Gap(Answer):
    """A time without entries, between two entries."""

    start: Time
    end: Time
    seconds: Seconds


class FrequentMessage(Answer):
    """A frequent message."""

    text: str
    """The message, or its first 200 characters and `…`."""
    entries: Count
    """How many entries have it."""


class LargeEntry(Answer):
    """A large entry and its position."""

    bytes: Count
    """The size of message and context in UTF-8."""
    batch_id: Id
    sequence: Count
    """The position in its batch, counted from 0."""
    text: str
    """The message, or its first 200 characters and `…`."""


class Span(Answer):
    """The number of entries in a span of time."""

    start: Time
    entries: Count


class FrequentTemplate(Answer):
    """A frequent template of the log model."""

    id: str
    severity: str | None
    text: str
    """The message with `<*>` at its variable positions, or its beginning and `…`."""
    entries: Count
    """How many entries have it."""


class Templates(Answer):
    """What the data set's current log model says."""

    run_id: Id
    """The run that trained it."""
    digest: str
    total: Count
    """How many templates it has."""
    frequent: Annotated[list[FrequentTemplate], Field(max_length=domain.LISTED)]
    """The most frequent ones, most frequent first."""

    @classmethod
    def of(cls, run: Run) -> "Templates":
        """Of the run of a log model."""
        result = run.result or {}
        return cls(
            run_id=run.run_id,
            digest=result["digest"],
            total=result["templates"],
            frequent=[
                FrequentTemplate(
                    id=template["id"],
                    severity=template["severity"],
                    text=template["text"],
                    entries=template["count"],
                )
                for template in result["frequent"]
            ],
        )


class Report(Answer):
    """A summary of the acknowledged entries of a data set."""

    data_id: Id
    state: State
    entries: Count
    """Entries that were acknowledged when the report began."""
    batches: Count
    first: Time | None
    """The earliest entry's time."""
    last: Time | None
    gaps: Annotated[list[Gap], Field(max_length=domain.LISTED)]
    """The longest times without entries, longest first, of those longer than `gapsFromSeconds`."""
    gaps_from_seconds: Seconds
    """1, or more if the entries lie in more than 20,000 different seconds."""
    out_of_order: Count
    """Entries that are earlier than the one before them in their batch."""
    out_of_order_share: Annotated[float, Field(ge=0, le=1)]
    """Of all entries."""
    duplicates: Count
    """Entries to remove so that timestamp, message and context are unique. They are trained on."""
    duplicates_complete: bool
    """False: there may be more. Only if a data set has so many batches that they are read in parts."""
    frequent: Annotated[list[FrequentMessage], Field(max_length=domain.LISTED)]
    """The most frequent messages, most frequent first."""
    frequent_missed: Count
    """How many more entries than stated a message, listed or not, may have. 0: all counts are exact."""
    largest: Annotated[list[LargeEntry], Field(max_length=domain.LISTED)]
    """The largest entries, largest first."""
    span_seconds: Seconds
    """The length of the spans of `histogram`: 3600, or more if there would be more than 1,000 of them."""
    histogram: Annotated[list[Span], Field(max_length=1_000)]
    """The spans that have entries, in ascending order."""
    templates: Annotated[Templates | SkipJsonSchema[None], OPTIONAL] = None
    """The most frequent templates, once the task `log-model` has trained a log model."""

    @classmethod
    def of(cls, told: DatasetReport) -> "Report":
        """The report as the data set's owner sees it."""
        report = told.report
        return cls(
            data_id=told.dataset.dataset_id,
            state=told.dataset.state,
            entries=report.entries,
            batches=told.totals.batches,
            first=time(report.first) if report.first else None,
            last=time(report.last) if report.last else None,
            gaps=[
                Gap(start=time(gap.start), end=time(gap.end), seconds=gap.length / timedelta(seconds=1))
                for gap in report.gaps
            ],
            gaps_from_seconds=report.gap_resolution / timedelta(seconds=1),
            out_of_order=report.out_of_order,
            out_of_order_share=report.out_of_order / max(report.entries, 1),
            duplicates=report.duplicates,
            duplicates_complete=report.duplicates_complete,
            frequent=[
                FrequentMessage(text=message.text, entries=message.entries) for message in report.frequent
            ],
            frequent_missed=report.frequent_missed,
            largest=[
                LargeEntry(
                    bytes=entry.size, batch_id=entry.batch_id, sequence=entry.sequence, text=entry.text
                )
                for entry in report.largest
            ],
            span_seconds=report.histogram_width / timedelta(seconds=1),
            histogram=[Span(start=time(span.start), entries=span.entries) for span in report.histogram],
            templates=Templates.of(told.model) if told.model is not None else None,
        )


def add(api: Api, report_on: ReportOnDataset, long_calls: LongCalls) -> None:
    """Report on a data set."""

    @api.call(
        "GET",
        "/data/<dataId>/report",
        tag=TAG,
        answer=Report,
        example=examples.REPORT,
        raises=[ArchiveDamaged, Busy, CountMismatch, DatasetNotFound, InvalidTransition],
    )
    def report_on_dataset(request: Request, data_id: str) -> Response:
        """Tell what a data set's entries are like, before a training is paid for.

        All acknowledged entries are read, wherever they are, so this takes its time where there are many:
        a few seconds a million. Entries may be posted meanwhile.
        """
        parse_query(NoQuery, request)
        with long_call(long_calls):
            told = report_on(g.owner, data_id)
        return Report.of(told).response()
