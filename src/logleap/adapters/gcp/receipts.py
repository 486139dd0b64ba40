"""Receipts in Firestore."""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, repeat

from google.api_core import exceptions
from google.cloud.firestore import DocumentReference
from google.protobuf.timestamp_pb2 import Timestamp

from logleap.adapters.gcp.firestore import gate
from logleap.adapters.gcp.firestore.database import SERVICE, FirestoreDatabase, Look, repeated
from logleap.adapters.gcp.firestore.documents import receipt_document, receipt_of
from logleap.adapters.gcp.firestore.rpc import Found, Writes
from logleap.adapters.gcp.google.deadlines import Budget
from logleap.adapters.gcp.google.errors import translated
from logleap.domain.entries import Manifest, Receipt, Totals
from logleap.ports.errors import Conflict
from logleap.ports.receipts import ReceiptLedger

log = logging.getLogger(__name__)

_PAGE = 1000  # receipts in one request, so that each ends well within its deadline

_LACKING = (exceptions.InvalidArgument, exceptions.MethodNotImplemented, exceptions.Unknown)

_SIDE_BY_SIDE = 16  # aggregations at once; beyond that a page's answer waits for the client's threads


class FirestoreReceiptLedger(ReceiptLedger):
    """A document for each receipt, named after its key's digest: what is there cannot be created again.

    Adding one creates it on condition that the data set's document is as it was seen a moment ago: one write.
    If it is not, or was not seen, or Firestore does not verify that, it is read in a transaction. Both lock
    it against changes, not against others' reading, so uploads do not wait for one another
    (https://firebase.google.com/docs/firestore/transaction-data-contention). Of a receipt only the number of
    entries is indexed: an index on its time would limit a collection to 500 writes a second
    (https://firebase.google.com/docs/firestore/solutions/shard-timestamp).
    """

    def __init__(self, database: FirestoreDatabase) -> None:
        self._database = database
        self._verifies: bool | None = None  # not known yet

    @translated(SERVICE)
    def find(self, dataset_id: str, key: str) -> Receipt | None:
        return self._find(dataset_id, key, Budget())

    @translated(SERVICE)
    def add(self, receipt: Receipt, dataset_version: int) -> Receipt:
        looks = chain([self._database.looks.at(receipt.dataset_id)], repeat(None))

        def attempt(budget: Budget) -> Receipt:
            look = next(looks)
            try:
                if (
                    look is not None
                    and look.dataset.version == dataset_version
                    and self._verifying(look.found, budget)
                ):
                    added = self._add_if_as_seen(receipt, look, budget)
                else:
                    added = self._add_if_at_version(receipt, dataset_version, budget)
            except exceptions.AlreadyExists:
                added = False
            if added:
                return receipt
            earlier = self._find(receipt.dataset_id, receipt.key, budget)
            if earlier is None:
                raise Conflict(f"data set {receipt.dataset_id} is not at version {dataset_version}")
            return earlier

        return repeated(attempt)

    @translated(SERVICE)
    def totals(self, dataset_id: str) -> Totals:
        return self._database.totals(dataset_id, Budget())

    def all_totals(self, dataset_ids: Sequence[str]) -> Mapping[str, Totals]:
        # Firestore adds up one collection a request: side by side, a page waits for a few of them in turn.
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as threads:
            return dict(zip(dataset_ids, threads.map(self.totals, dataset_ids), strict=True))

    @translated(SERVICE)
    def manifest(self, dataset_id: str) -> Manifest:
        pages = self._database.receipts(dataset_id).select(["batchId", "entries"]).order_by("__name__")
        found = pages.limit(_PAGE).get(**Budget().again())
        batches = {}
        while found:
            batches.update({receipt.get("batchId"): receipt.get("entries") for receipt in found})
            if len(found) < _PAGE:
                break
            # All pages show the receipts as the first one found them.
            following = pages.start_after(found[-1]).limit(_PAGE)
            found = following.get(read_time=found[0].read_time, **Budget().again())
        return Manifest(dataset_id, batches)

    def _verifying(self, found: Found, budget: Budget) -> bool:
        """Whether the service carries out `verify`: found out by one that it has to refuse."""
        if self._verifies is None:
            earlier = Timestamp(seconds=found.update_time_message.seconds - 1)
            wrong = Writes()
            wrong.verify(found.place, earlier)
            try:
                self._database.commit(wrong, budget)
            except exceptions.FailedPrecondition:
                self._verifies = True
            except _LACKING as error:
                self._do_without(str(error))
            except exceptions.GoogleAPICallError as error:
                log.info("Whether Firestore takes `verify` is not known yet: %s", error)
            else:
                self._do_without("It passes over a condition that does not hold.")
        return bool(self._verifies)

    def _do_without(self, why: str) -> None:
        log.warning("Firestore takes no `verify`; receipts are added in transactions: %s", why)
        self._verifies = False

    def _add_if_as_seen(self, receipt: Receipt, look: Look, budget: Budget) -> bool:
        writes = Writes()
        writes.verify(look.found.place, look.found.update_time_message)
        writes.create(self._place(receipt), receipt_document(receipt))
        try:
            self._database.commit(writes, budget)
        except _LACKING as error:
            self._do_without(str(error))
            return self._add_if_at_version(receipt, look.dataset.version, budget)
        except exceptions.FailedPrecondition:
            self._database.looks.forget(receipt.dataset_id)
            raise
        return True

    def _add_if_at_version(self, receipt: Receipt, version: int, budget: Budget) -> bool:
        dataset = self._database.dataset(receipt.dataset_id)
        with self._database.transaction(dataset, ["version", gate.FIELD], budget) as (writes, stored):
            current: bool = stored.fields.get("version") == version
            if current:
                gate.check_open(stored)
                if gate.is_shut(stored):
                    writes.update(dataset, {gate.FIELD: None})
                writes.create(self._place(receipt), receipt_document(receipt))
        return current

    def _place(self, receipt: Receipt) -> DocumentReference:
        return self._database.receipt(receipt.dataset_id, receipt.key)

    def _find(self, dataset_id: str, key: str, budget: Budget) -> Receipt | None:
        found = self._database.look(self._database.receipt(dataset_id, key), budget)
        return receipt_of(found.fields, dataset_id) if found.fields else None
