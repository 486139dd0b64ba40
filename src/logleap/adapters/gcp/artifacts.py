"""Artifacts in a bucket of Cloud Storage, or in a folder."""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, cast
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname
from uuid import uuid4

from google.api_core import exceptions
from google.cloud.storage import Blob as StoredBlob
from google.cloud.storage import Client

from logleap.adapters.files.artifacts import ArtifactFolder, ArtifactUrlRefused
from logleap.adapters.gcp.archive import CHUNK_BYTES, REQUEST, SERVICE
from logleap.adapters.gcp.google.clients import Lazy
from logleap.adapters.gcp.google.errors import translated
from logleap.ports.artifacts import ArtifactMissing, ArtifactStore, Blob

log = logging.getLogger(__name__)

_STAGED, _PUBLISHED = "staged", "published"


def artifact_store(url: str, client: Callable[[], Client]) -> ArtifactStore:
    """The store at `gs://bucket/prefix` or `file:///folder`. Raises ArtifactUrlRefused for another.

    `client` is called at the first use of a bucket.
    """
    if url.startswith("gs://"):
        return ArtifactBucket(url, client)
    if url.startswith("file:///"):
        return ArtifactFolder(Path(url2pathname(urlsplit(url).path)))
    raise ArtifactUrlRefused("backend 'gcp' keeps artifacts in gs://bucket/prefix or file:///folder.")


class ArtifactBucket(ArtifactStore):
    """Objects `{prefix}/staged/{data set}/{run}/{blob}` and `{prefix}/published/…` of a bucket that exists.

    Publishing copies within the bucket and deletes the staged object. What is read or written goes through
    the folder for temporary files.
    """

    def __init__(self, url: str, client: Callable[[], Client]) -> None:
        parts = urlsplit(url)
        self._bucket = parts.netloc
        prefix = unquote(parts.path).strip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._client = Lazy(client, Client.close)

    def write(self, dataset_id: str, run_id: str, chunks: Iterable[bytes]) -> str:
        blob = Blob(dataset_id, run_id, str(uuid4()))
        with TemporaryFile() as copy:
            for chunk in chunks:
                copy.write(chunk)
            with translated(SERVICE):
                self._object(_STAGED, blob).upload_from_file(copy, rewind=True, **REQUEST)
        return blob.blob

    @translated(SERVICE)
    def publish(self, dataset_id: str, run_id: str, blobs: Collection[str]) -> None:
        for name in blobs:
            blob = Blob(dataset_id, run_id, name)
            source, target = self._object(_STAGED, blob), self._object(_PUBLISHED, blob)
            try:
                token, _, _ = target.rewrite(source, **REQUEST)
                while token is not None:
                    token, _, _ = target.rewrite(source, token=token, **REQUEST)
            except exceptions.NotFound:
                continue
            _delete(source)

    def staged(self) -> Iterator[Blob]:
        prefix = f"{self._prefix}{_STAGED}/"
        with translated(SERVICE):
            for found in self._client().list_blobs(self._bucket, prefix=prefix, **REQUEST):
                names = found.name.removeprefix(prefix).split("/")
                if len(names) == len(Blob._fields):
                    yield Blob(*names)
                else:  # a folder that was made by hand, for example
                    log.warning("gs://%s/%s is no artifact: it is left as it is", self._bucket, found.name)

    @translated(SERVICE)
    def discard(self, blob: Blob) -> None:
        _delete(self._object(_STAGED, blob))

    def open(self, blob: Blob, start: int = 0, length: int | None = None) -> BinaryIO:
        # Published last: it may be published between the two.
        for place in (_STAGED, _PUBLISHED):
            with suppress(exceptions.NotFound), translated(SERVICE):
                return self._copy(self._object(place, blob), start, length)
        raise ArtifactMissing(*blob)

    @staticmethod
    def _copy(stored: StoredBlob, start: int, length: int | None) -> BinaryIO:
        stored.reload(**REQUEST)
        end = stored.size if length is None else min(start + length, stored.size)
        copy = TemporaryFile()  # noqa: SIM115 -- the caller closes it
        try:
            if start < end:
                stored.download_to_file(copy, start=start, end=end - 1, checksum=None, **REQUEST)
            copy.seek(0)
        except BaseException:
            copy.close()
            raise
        return cast("BinaryIO", copy)

    @translated(SERVICE)
    def remove_all(self, dataset_id: str) -> None:
        for place in (_STAGED, _PUBLISHED):
            prefix = f"{self._prefix}{place}/{dataset_id}/"
            for found in self._client().list_blobs(self._bucket, prefix=prefix, **REQUEST):
                _delete(found)

    def _object(self, place: str, blob: Blob) -> StoredBlob:
        name = f"{self._prefix}{place}/{'/'.join(part.replace('/', '_') for part in blob)}"
        stored: StoredBlob = self._client().bucket(self._bucket).blob(name, chunk_size=CHUNK_BYTES)
        return stored


def _delete(stored: StoredBlob) -> None:
    try:
        stored.delete(**REQUEST)
    except exceptions.NotFound:
        return
