"""A data set's gate: closed while a start adds up the receipts, so that none comes in between.

It is a field of the data set's document, which adding a receipt reads in its transaction, or verifies to be
as it was when it was seen open. So an add either commits before the gate closes, and is counted, or sees it
closed and waits; a transaction's read holds until its commit
(https://firebase.google.com/docs/firestore/transaction-data-contention). The start writes on condition that
the document is as closing left it.

One transaction for adding up and storing would do without a gate, but it locks each receipt counted: adds
would wait for its locks and it for theirs, and under a stream of uploads it would hardly get through.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from google.api_core.exceptions import GoogleAPIError
from google.cloud.firestore import Client

from logleap.adapters.gcp.firestore.rpc import Found
from logleap.adapters.gcp.google.deadlines import Budget
from logleap.ports.errors import Unavailable

FIELD = "gate"

_LEFT = timedelta(seconds=10)  # longer than a start may take
_OPENING = 1.0  # seconds


class GateClosed(Unavailable):
    """A start is adding up the receipts: that takes a moment."""


def check_open(dataset: Found) -> None:
    """Raises GateClosed, unless the gate is open or was left closed by a start that broke off.

    Its age is told by the server's clock. Who passes a gate that was left closed must open it: whoever
    closed it then finds the document changed, should it come back.
    """
    if is_shut(dataset) and dataset.read_time - dataset.update_time < _LEFT:
        raise GateClosed("Firestore: a training is being started on the data set")


def is_shut(dataset: Found) -> bool:
    """Whether the gate is closed, by whomever and whenever."""
    return dataset.fields.get(FIELD) is not None


@contextmanager
def closed(client: Client, dataset: Found, mark: str, budget: Budget) -> Iterator[Any]:
    """Closes the gate, as `mark`, for the block. Raises GateClosed if another start is at work.

    Gives the write option under which the block may change the data set: that nobody else has. The change
    must open the gate; if the block raises instead, it is opened here.
    """
    closed_at = dataset.update_time
    if dataset.fields.get(FIELD) != mark:  # else an earlier attempt closed it, its answer was lost
        check_open(dataset)
        writes = client.batch()
        unchanged = client.write_option(last_update_time=dataset.update_time)
        writes.update(dataset.place, {FIELD: mark}, option=unchanged)
        closed_at = writes.commit(**budget.once())[0].update_time
    as_closed = client.write_option(last_update_time=closed_at)
    try:
        yield as_closed
    except BaseException:
        with suppress(GoogleAPIError):
            dataset.place.update({FIELD: None}, option=as_closed, retry=None, timeout=_OPENING)
        raise
