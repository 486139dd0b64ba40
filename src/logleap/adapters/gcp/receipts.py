"""Receipts in Firestore."""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import chain, repeat

from google.api_core import exceptions
from google.protobuf.timestamp_pb2 import Timestamp

from logleap.adapters.gcp.firestore import gate
from logleap.adapters.gcp.firestore.database import SERVICE, FirestoreDatabase, Snapshot, retry_until_known
from logleap.adapters.gcp.firestore.documents import receipt_document, receipt_of, time_of
from logleap.adapters.gcp.firestore.rpc import VERIFY_UNSUPPORTED, StoredDocument, Writes
from logleap.adapters.gcp.google.deadlines import Deadline
from logleap.adapters.gcp.google.errors import translated
from logleap.domain.entries import Manifest, Receipt, Totals
from logleap.ports.errors import Conflict
from logleap.ports.receipts import ReceiptLedger

log = logging.getLogger(__name__)

PAGE_SIZE = 1000
"""Receipts in one request, so that each ends well within its deadline."""

MAX_PARALLEL_AGGREGATIONS = 16
"""Beyond that, a page's answer waits for the client's threads."""


class FirestoreReceiptLedger(ReceiptLedger):
    """A document for each receipt, named after its key's digest: what is there cannot be created again.

    Adding one creates it on condition that the data set's document is as a recent snapshot shows it: one
    write. If it is not, or there is no snapshot, or Firestore does not verify that, the document is read in a
    transaction. Both lock it against changes, not against reads, so uploads do not wait for one another
    (https://firebase.google.com/docs/firestore/transaction-data-contention). Of a receipt only the number of
    entries is indexed: an index on its time would limit a collection to 500 writes a second
    (https://firebase.google.com/docs/firestore/solutions/shard-timestamp).
    """

    def __init__(self, database: FirestoreDatabase) -> None:
        self._database = database
        self._verifies: bool | None = None  # not probed yet

    @translated(SERVICE)
    def find(self, dataset_id: str, key: str) -> Receipt | None:
        return self._find(dataset_id, key, Deadline())

    @translated(SERVICE)
    def add(self, receipt: Receipt, dataset_version: int) -> Receipt:
        # A snapshot is good for the first attempt alone.
        snapshots = chain([self._database.snapshots.get(receipt.dataset_id)], repeat(None))

        def attempt(deadline: Deadline) -> Receipt:
            snapshot = next(snapshots)
            try:
                if (
                    snapshot is not None
                    and snapshot.dataset.version == dataset_version
                    and self._supports_verify(snapshot.document, deadline)
                ):
                    added = self._add_if_unchanged(receipt, snapshot, deadline)
                else:
                    added = self._add_if_at_version(receipt, dataset_version, deadline)
            except exceptions.AlreadyExists:
                added = False
            if added:
                return receipt
            earlier = self._find(receipt.dataset_id, receipt.key, deadline)
            if earlier is None:
                raise Conflict(f"data set {receipt.dataset_id} is not at version {dataset_version}")
            return earlier

        return retry_until_known(attempt)

    @translated(SERVICE)
    def totals(self, dataset_id: str) -> Totals:
        return self._database.totals(dataset_id, Deadline())

    def all_totals(self, dataset_ids: Sequence[str]) -> Mapping[str, Totals]:
        # Firestore adds up one collection a request: side by side, a page waits for a few of them in turn.
        with ThreadPoolExecutor(MAX_PARALLEL_AGGREGATIONS) as threads:
            return dict(zip(dataset_ids, threads.map(self.totals, dataset_ids), strict=True))

    @translated(SERVICE)
    def manifest(self, dataset_id: str) -> Manifest:
        pages = self._database.receipts(dataset_id).select(["batchId", "entries"]).order_by("__name__")
        found = pages.limit(PAGE_SIZE).get(**Deadline().retryable())
        batches = {}
        while found:
            batches.update({receipt.get("batchId"): receipt.get("entries") for receipt in found})
            if len(found) < PAGE_SIZE:
                break
            # All pages show the receipts as the first one found them.
            following = pages.start_after(found[-1]).limit(PAGE_SIZE)
            found = following.get(read_time=found[0].read_time, **Deadline().retryable())
        return Manifest(dataset_id, batches)

    @translated(SERVICE)
    def latest(self, dataset_id: str) -> datetime | None:
        # The field has no index, which would limit the uploads of all data sets together: see scale.md.
        times = self._database.receipts(dataset_id).select(["createdAt"]).order_by("__name__")
        latest: list[datetime] = []
        page = times.limit(PAGE_SIZE).get(**Deadline().retryable())
        while page:
            latest = [max([*latest, *(time_of(receipt.get("createdAt")) for receipt in page)])]
            if len(page) < PAGE_SIZE:
                break
            page = times.start_after(page[-1]).limit(PAGE_SIZE).get(**Deadline().retryable())
        return latest[0] if latest else None

    def _supports_verify(self, document: StoredDocument, deadline: Deadline) -> bool:
        """Whether the service carries out `verify`: probed with one whose condition is known to be false."""
        if self._verifies is None:
            earlier = Timestamp(seconds=document.update_timestamp.seconds - 1)
            probe = Writes()
            probe.verify(document.name, earlier)
            try:
                self._database.commit(probe, **deadline.single_attempt())
            except exceptions.FailedPrecondition:
                self._verifies = True
            except VERIFY_UNSUPPORTED as error:
                self._disable_verify(str(error))
            except exceptions.GoogleAPICallError as error:
                log.info("not known yet whether Firestore supports `verify`: %s", error)
            else:
                self._disable_verify("it ignores a condition that does not hold")
        return bool(self._verifies)

    def _disable_verify(self, reason: str) -> None:
        log.warning("Firestore does not support `verify`; receipts are added in transactions: %s", reason)
        self._verifies = False

    def _add_if_unchanged(self, receipt: Receipt, snapshot: Snapshot, deadline: Deadline) -> bool:
        writes = Writes()
        writes.verify(snapshot.document.name, snapshot.document.update_timestamp)
        writes.create(self._name(receipt), receipt_document(receipt))
        try:
            self._database.commit(writes, **deadline.single_attempt())
        except VERIFY_UNSUPPORTED as error:
            self._disable_verify(str(error))
            return self._add_if_at_version(receipt, snapshot.dataset.version, deadline)
        except exceptions.FailedPrecondition:
            self._database.snapshots.invalidate(receipt.dataset_id)
            raise
        return True

    def _add_if_at_version(self, receipt: Receipt, version: int, deadline: Deadline) -> bool:
        dataset = self._database.dataset(receipt.dataset_id)
        with self._database.transaction(dataset, ["version", gate.FIELD], deadline) as (writes, stored):
            current: bool = stored.fields.get("version") == version
            if current:
                gate.check_open(stored)
                if gate.is_closed(stored):
                    writes.update(dataset, {gate.FIELD: None})
                writes.create(self._name(receipt), receipt_document(receipt))
        return current

    def _name(self, receipt: Receipt) -> str:
        return self._database.receipt(receipt.dataset_id, receipt.key)

    def _find(self, dataset_id: str, key: str, deadline: Deadline) -> Receipt | None:
        found = self._database.read(self._database.receipt(dataset_id, key), deadline)
        return receipt_of(found.fields, dataset_id) if found.fields else None
