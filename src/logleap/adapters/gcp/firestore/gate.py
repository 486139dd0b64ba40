"""A data set's gate: closed while a start adds up the receipts, so that none comes in between.

It is a field of the data set's document, which adding a receipt reads in its transaction, or verifies to be
as it was when it was seen open. So an add either commits before the gate closes, and is counted, or sees it
closed and waits; a transaction's read holds until its commit
(https://firebase.google.com/docs/firestore/transaction-data-contention). The start writes on condition that
the document is as closing left it.

One transaction for adding up and storing would do without a gate, but it locks each receipt counted: adds
would wait for its locks and it for theirs, and under a stream of uploads it would hardly get through.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta

from google.api_core.exceptions import GoogleAPIError
from google.protobuf.timestamp_pb2 import Timestamp

from logleap.adapters.gcp.firestore.rpc import StoredDocument, Writes
from logleap.adapters.gcp.google.deadlines import Deadline
from logleap.ports.errors import Unavailable

FIELD = "gate"

STALE_AFTER = timedelta(seconds=10)
"""Longer than a start may take: a gate that is closed for longer was left so by a start that broke off."""

REOPEN_SECONDS = 1.0

Commit = Callable[..., Sequence[Timestamp]]
"""As FirestoreDatabase.commit."""


class GateClosed(Unavailable):
    """A start is adding up the receipts: that takes a moment."""


def check_open(dataset: StoredDocument) -> None:
    """Raises GateClosed, unless the gate is open or stale: left closed by a start that broke off.

    Its age is measured by the server's clock. Whoever passes a stale gate must open it: the start that
    closed it then finds the document changed, should it come back.
    """
    if is_closed(dataset) and dataset.read_time - dataset.update_time < STALE_AFTER:
        raise GateClosed("Firestore: a training is being started on the data set")


def is_closed(dataset: StoredDocument) -> bool:
    """Whether the gate is closed, by whomever and whenever."""
    return dataset.fields.get(FIELD) is not None


@contextmanager
def closed(commit: Commit, dataset: StoredDocument, mark: str, deadline: Deadline) -> Iterator[Timestamp]:
    """Closes the gate, as `mark`, for the block. Raises GateClosed if another start is at work.

    Gives the update time on condition of which the block may change the data set: nobody else has it. The
    change must open the gate; if the block raises instead, it is opened here.
    """
    closed_at = dataset.update_timestamp
    if dataset.fields.get(FIELD) != mark:  # else an earlier attempt closed it, its answer was lost
        check_open(dataset)
        closing = Writes()
        closing.update(dataset.name, {FIELD: mark}, if_unchanged_since=dataset.update_timestamp)
        (closed_at,) = commit(closing, **deadline.single_attempt())
    try:
        yield closed_at
    except BaseException:
        opening = Writes()
        opening.update(dataset.name, {FIELD: None}, if_unchanged_since=closed_at)
        with suppress(GoogleAPIError):
            commit(opening, retry=None, timeout=REOPEN_SECONDS)
        raise
