"""Archives as Parquet files in a bucket of Cloud Storage, or in a folder."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import BinaryIO, TypedDict
from urllib.parse import quote, unquote, urlsplit

from google.api_core import exceptions
from google.api_core.retry import Retry
from google.cloud.storage import Blob, Client
from google.cloud.storage.retry import DEFAULT_RETRY

from logleap.adapters.gcp.google.clients import Lazy
from logleap.adapters.gcp.google.errors import translated
from logleap.adapters.parquet.archive import ParquetArchiveStore
from logleap.adapters.parquet.locations import ArchiveFolder, ArchiveLocation, ArchiveUrlNotSupported
from logleap.ordering.scratch import Scratch

SERVICE = "Cloud Storage"

CHUNK_BYTES = 8 * 2**20
"""Bytes of one request: after a failure these alone are sent again."""


class Request(TypedDict):
    """The keyword arguments for each call of `storage.Client`; `timeout` (seconds) is for one attempt."""

    retry: Retry
    timeout: float


REQUEST: Request = Request(retry=DEFAULT_RETRY.with_delay(0.1, 1.0, 2.0).with_timeout(4.0), timeout=5.0)


class GcpArchiveStore(ParquetArchiveStore):
    """Archives in a bucket, or in a folder (a mounted one, say)."""

    def __init__(self, url: str, client: Callable[[], Client], scratch: Scratch | None = None) -> None:
        """`url` is `gs://bucket/prefix` or `file:///folder`. Raises ArchiveUrlNotSupported for another.

        `client` is called at the first use of a bucket.
        """
        location: ArchiveLocation
        if url.startswith("gs://"):
            location = ArchiveBucket(client)
        elif url.startswith("file:///"):
            location = ArchiveFolder(url)
        else:
            raise ArchiveUrlNotSupported("backend 'gcp' archives to gs://bucket/prefix or file:///folder.")
        super().__init__(url, location, scratch)


class ArchiveBucket(ArchiveLocation):
    """A bucket, which must exist. URLs: `gs://bucket/prefix/…`. Each call may raise Unavailable.

    A copy of a file lies in the folder for temporary files while it is made or read.
    """

    def __init__(self, client: Callable[[], Client]) -> None:
        """`client` is called at the first use."""
        self._client = Lazy(client, Client.close)

    @contextmanager
    def staging_dir(self, name: str) -> Iterator[Path]:
        with TemporaryDirectory(prefix=f"logleap-archive-{name}") as folder:
            yield Path(folder)

    @translated(SERVICE)
    def put(self, file: Path, url: str) -> None:
        self._blob(url).upload_from_filename(str(file), **REQUEST)

    @contextmanager
    def open(self, url: str) -> Iterator[BinaryIO]:
        with TemporaryFile() as copy:
            try:
                with translated(SERVICE):
                    self._blob(url).download_to_file(copy, checksum=None, **REQUEST)
            except exceptions.NotFound as error:
                raise FileNotFoundError(url) from error
            copy.seek(0)
            yield copy

    @translated(SERVICE)
    def remove(self, url: str) -> None:
        try:
            self._blob(url).delete(**REQUEST)
        except exceptions.NotFound:
            return

    @translated(SERVICE)
    def remove_all(self, url: str) -> None:
        blob = self._blob(url)
        for found in self._client().list_blobs(blob.bucket, prefix=blob.name, **REQUEST):
            self.remove(f"gs://{blob.bucket.name}/{quote(found.name)}")

    def _blob(self, url: str) -> Blob:
        parts = urlsplit(url)
        blob: Blob = self._client().bucket(parts.netloc).blob(unquote(parts.path[1:]), chunk_size=CHUNK_BYTES)
        return blob
