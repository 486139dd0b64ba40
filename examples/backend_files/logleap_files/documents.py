"""A data set's document: what changes together is in one file, so that one replacement is a transaction."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from logleap.domain.datasets import Dataset, Event
from logleap.domain.runs import Run
from logleap.ports.errors import Conflict
from logleap_files.folder import Folder, file_name


@dataclass
class Document:
    """A data set, its log, its runs by their ids, and which of them have a message still to be published."""

    dataset: Dataset
    events: list[Event] = field(default_factory=list)
    runs: dict[str, Run] = field(default_factory=dict)
    outbox: list[str] = field(default_factory=list)


_JSON = TypeAdapter(Document)


def load(folder: Folder, dataset_id: str) -> Document | None:
    content = folder.read(_path(dataset_id))
    return None if content is None else _JSON.validate_json(content)


def load_at(folder: Folder, dataset_id: str, version: int) -> Document:
    """Raises Conflict unless the data set is stored in this version."""
    document = load(folder, dataset_id)
    if document is None or document.dataset.version != version:
        raise Conflict(f"data set {dataset_id} is not at version {version}")
    return document


def load_all(folder: Folder) -> Iterator[Document]:
    for name in folder.names("datasets"):
        content = folder.read(f"datasets/{name}")
        if content is not None:
            yield _JSON.validate_json(content)


def store(folder: Folder, document: Document) -> None:
    folder.write(_path(document.dataset.dataset_id), _JSON.dump_json(document))


def remove(folder: Folder, dataset_id: str) -> None:
    folder.remove(_path(dataset_id))


def _path(dataset_id: str) -> str:
    return f"datasets/{file_name(dataset_id)}"
