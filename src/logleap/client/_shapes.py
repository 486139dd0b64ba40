"""What of the API's answers the client and the command line use: an answer without it is not LogLeap's."""

from typing import NotRequired, TypedDict


class Announced(TypedDict):
    dataId: str


class Appended(TypedDict):
    accepted: int


class Started(TypedDict):
    runId: str


class Problem(TypedDict):
    code: str
    detail: str


class Run(TypedDict):
    runId: str
    task: str
    state: str
    entries: int
    createdAt: str
    error: NotRequired[Problem]


class Template(TypedDict):
    id: str
    severity: str | None
    text: str
    count: int


class LogModel(TypedDict):
    entries: int
    templates: list[Template]


class Side(TypedDict):
    entries: int


class Place(TypedDict):
    batchId: str
    sequence: int


class Example(TypedDict):
    timestamp: int
    message: str
    entry: Place | None


class Change(TypedDict):
    kind: str
    score: str
    sentence: str
    examples: list[Example]


class Changes(TypedDict):
    baseline: Side
    current: Side
    changes: list[Change]
    beforeFirstError: list[int]


class RunPage(TypedDict):
    runs: list[Run]
    nextPageToken: str | None


class Artifact(TypedDict):
    name: str
    mediaType: str
    size: int
    sha256: str


class Artifacts(TypedDict):
    runId: str | None
    artifacts: list[Artifact]


_DATASET = {
    "dataId": str,
    "name": str | None,
    "state": str,
    "entries": int,
    "batches": int,
    "runId": str | None,
    "createdAt": str,
}
Dataset = TypedDict("Dataset", _DATASET)  # type: ignore[misc]


class Archive(TypedDict):
    url: str
    entries: int


Archived = TypedDict("Archived", {**_DATASET, "archive": Archive})  # type: ignore[misc]


class Page(TypedDict):
    datasets: list[Dataset]
    nextPageToken: str | None


class Entry(TypedDict):
    timestamp: str
    message: str
    context: str | None
    batchId: str
    sequence: int


class EntryPage(TypedDict):
    entries: list[Entry]
    nextPageToken: str | None


class Event(TypedDict):
    at: str
    detail: str


class Events(TypedDict):
    events: list[Event]


class Gap(TypedDict):
    start: str
    end: str
    seconds: float


class Frequent(TypedDict):
    text: str
    entries: int


class Large(TypedDict):
    bytes: int
    batchId: str
    sequence: int
    text: str


class Span(TypedDict):
    start: str
    entries: int


class Report(TypedDict):
    dataId: str
    state: str
    entries: int
    batches: int
    first: str | None
    last: str | None
    outOfOrder: int
    outOfOrderShare: float
    duplicates: int
    duplicatesComplete: bool
    gapsFromSeconds: float
    gaps: list[Gap]
    frequentMissed: int
    frequent: list[Frequent]
    largest: list[Large]
    spanSeconds: float
    histogram: list[Span]
