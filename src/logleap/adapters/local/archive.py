"""Archives as Parquet files in a folder of this machine."""

from logleap.adapters.parquet.archive import ParquetArchiveStore
from logleap.adapters.parquet.locations import ArchiveFolder, ArchiveUrlNotSupported
from logleap.ordering.scratch import Scratch


class LocalArchiveStore(ParquetArchiveStore):
    """Archives in a folder."""

    def __init__(self, url: str, scratch: Scratch | None = None) -> None:
        """`url` is `file:///folder`. Raises ArchiveUrlNotSupported for another."""
        if not url.startswith("file:///"):
            raise ArchiveUrlNotSupported("backend 'local' archives to file:///folder.")
        super().__init__(url, ArchiveFolder(url), scratch)
