"""The calls on the artifacts of runs."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from tempfile import TemporaryFile
from types import MappingProxyType
from typing import BinaryIO, cast

from flask import Request, Response, g
from werkzeug.wsgi import wrap_file

from logleap.codecs.compression import compress_gzip, unzstd
from logleap.domain.artifacts import Artifact
from logleap.domain.errors import ArtifactNotFound, DatasetNotFound, RunNotFound
from logleap.entrypoints.http.calls.long_calls import LongCalls, long_call
from logleap.entrypoints.http.contract import examples, responses
from logleap.entrypoints.http.contract.blueprint import Api
from logleap.entrypoints.http.contract.headers import ArtifactHeaders
from logleap.entrypoints.http.contract.requests import ArtifactPath, RunQuery, parse_query
from logleap.entrypoints.http.errors.refusals import Busy, RangeNotSatisfiable
from logleap.entrypoints.http.middleware import observability
from logleap.ports.artifacts import ArtifactMissing
from logleap.usecases.artifacts import ShowArtifacts

TAG = "Training"

_PIECE = 1 << 18  # bytes

Opened = Callable[..., BinaryIO]
"""As `ShowArtifacts.open`, of one artifact: takes `start` and `length`."""

Recoding = Callable[[Iterable[bytes]], Iterator[bytes]]


def _unchanged(stored: Iterable[bytes]) -> Iterator[bytes]:
    yield from stored


def _gzipped(stored: Iterable[bytes]) -> Iterator[bytes]:
    return compress_gzip(unzstd(stored))


_FROM_ZSTD: Mapping[str, Recoding] = MappingProxyType(
    {"zstd": _unchanged, "gzip": _gzipped, "identity": unzstd}
)
"""How what is stored as zstd is sent, by content coding: the best first."""


def add(api: Api, *, artifacts: ShowArtifacts, long_calls: LongCalls) -> None:
    """List artifacts, and get one."""

    @api.call(
        "GET",
        "/train/<dataId>/artifacts",
        tag=TAG,
        query=RunQuery,
        answer=responses.Artifacts,
        example=examples.ARTIFACTS,
        raises=[DatasetNotFound, RunNotFound],
    )
    def list_artifacts(request: Request, data_id: str) -> Response:
        """List the artifacts of a run: by default the latest succeeded one that saved any.

        An artifact is a file that a training task saved besides its result, such as a model.
        """
        query = parse_query(RunQuery, request)
        found = artifacts.list(g.owner, data_id, query.run_id)
        return responses.Artifacts.of(data_id, found).response()

    @api.call(
        "GET",
        "/train/<dataId>/artifacts/<name>",
        tag=TAG,
        path=ArtifactPath,
        query=RunQuery,
        headers=ArtifactHeaders,
        answer={"*/*": {"schema": {}, "example": "the bytes of the artifact"}},
        partial=True,
        answer_headers=["Accept-Ranges", "Content-Disposition"],
        raises=[
            ArtifactMissing,
            ArtifactNotFound,
            Busy,
            DatasetNotFound,
            RangeNotSatisfiable,
            RunNotFound,
        ],
    )
    def get_artifact(request: Request, data_id: str, name: str) -> Response:
        """Get an artifact, or a part of it.

        The ETag is the SHA-256 of its bytes. What is kept compressed is sent as zstd or gzip if the client
        accepts that, with an ETag of its own; a part (`Range`) always is one of the plain bytes.
        """
        query = parse_query(RunQuery, request)
        stored = artifacts.find(g.owner, data_id, name, query.run_id)
        observability.bind_ids(runId=stored.blob.run_id)
        return answer_artifact(request, stored.artifact, partial(artifacts.open, g.owner, stored), long_calls)


def answer_artifact(request: Request, artifact: Artifact, opened: Opened, long_calls: LongCalls) -> Response:
    """The artifact, or the part of it that is asked for. `opened` reads it.

    Raises ArtifactMissing, Busy, RangeNotSatisfiable, and what `opened` raises.
    """
    coding = _coding(request, artifact)
    etag = artifact.sha256 if coding == "identity" else f"{artifact.sha256}-{coding}"
    response = Response(content_type=artifact.media_type)
    response.set_etag(etag)
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Accept-Ranges"] = "bytes"
    # Not to be shown in a page of ours, whatever it holds.
    response.headers["Content-Disposition"] = f'attachment; filename="{artifact.name}"'
    if artifact.coding is not None:
        response.headers["Vary"] = "Accept-Encoding"
    if request.if_none_match.contains_weak(etag):
        response.status_code = 304
        return response
    start, length = _part(request, artifact, etag) if coding == "identity" else (0, None)
    if length is not None:
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{artifact.size}"
    if coding != "identity":
        response.headers["Content-Encoding"] = coding
    with long_call(long_calls):
        if artifact.coding is None:
            file = opened(start, length)
        else:
            with opened() as compressed:
                file = _recoded(compressed, _FROM_ZSTD[coding], start, length)
    response.content_length = file.seek(0, 2)
    file.seek(0)
    # As a file, so that the server's main thread sends it: a slow client holds no thread.
    response.response = wrap_file(request.environ, file, _PIECE)
    response.direct_passthrough = True
    return response


def _coding(request: Request, artifact: Artifact) -> str:
    if artifact.coding is None or "Range" in request.headers:
        return "identity"
    accepted = request.accept_encodings
    return next((coding for coding in ("zstd", "gzip") if accepted[coding] > 0), "identity")


def _part(request: Request, artifact: Artifact, etag: str) -> tuple[int, int | None]:
    """Where the wanted part begins, and how long it is; None: the whole. Raises RangeNotSatisfiable.

    Several ranges at once are answered with the whole, as RFC 9110 (14.2) allows.
    """
    wanted = request.range
    if wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1:
        return 0, None
    condition = request.if_range
    if (condition.etag is not None and condition.etag != etag) or condition.date is not None:
        return 0, None
    part = wanted.range_for_length(artifact.size)
    if part is None:
        raise RangeNotSatisfiable(artifact.size)
    return part[0], part[1] - part[0]


def _recoded(stored: BinaryIO, recode: Recoding, start: int, length: int | None) -> BinaryIO:
    """The bytes in another coding, from `start` on, `length` of them or all: a temporary file."""
    file = cast("BinaryIO", TemporaryFile())  # noqa: SIM115 -- the server closes it
    try:
        left = length
        for piece in recode(iter(lambda: stored.read(_PIECE), b"")):
            kept = piece[start:] if left is None else piece[start : start + left]
            start = max(0, start - len(piece))
            file.write(kept)
            if left is not None:
                left -= len(kept)
                if left == 0:
                    break
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file
