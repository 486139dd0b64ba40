"""The queue in the file."""

import time
from typing import Any

from logleap.adapters.local.sqlite.database import Database
from logleap.ports.queue import Delivery, TrainingQueue

POLL_SECONDS = 0.05
"""While waiting; a poll is one small read."""

_SECOND = 1_000_000  # microseconds

# Times are of the machine's clock, as the processes share nothing better that outlives them. If it is set
# forward, messages in delivery come again too early; if it is set back, stamps lie in the future: they count
# as expired, so that nothing waits for as long as the clock jumped. Both cost one more delivery, no loss.
_FREE = f"(visible_at <= :now OR stamped_at > :now + {_SECOND})"
_HELD = f"(visible_at > :now AND stamped_at <= :now + {_SECOND})"
_USED_UP = f"dead = 0 AND deliveries >= :max_deliveries AND {_FREE}"


class SqliteTrainingQueue(TrainingQueue):
    """Messages as rows with the time from which on they may be delivered.

    `visibility_timeout`: for how long (seconds) a delivery belongs to its consumer without an `extend`.
    """

    def __init__(
        self, database: Database, *, visibility_timeout: float = 60.0, max_deliveries: int = 5
    ) -> None:
        self._database = database
        self._visibility_timeout = visibility_timeout
        self._max_deliveries = max_deliveries

    def publish(self, body: bytes, owner: str = "") -> None:
        insert = (
            "INSERT INTO messages (body, owner, stamped_at, visible_at) VALUES (:body, :owner, :now, :now)"
        )
        with self._database.writing() as connection:
            connection.execute(insert, {"body": body, "owner": owner, "now": _now()})

    def receive(self, wait: float) -> Delivery | None:
        return self._receive(f"dead = 0 AND {_FREE}", wait, dead=False)

    def receive_dead(self, wait: float) -> Delivery | None:
        return self._receive(f"(dead = 1 AND {_FREE}) OR ({_USED_UP})", wait, dead=True)

    def _receive(self, receivable: str, wait: float, *, dead: bool) -> Delivery | None:
        query = f"SELECT 1 FROM messages WHERE {receivable} LIMIT 1"  # noqa: S608
        deadline = time.monotonic() + wait
        while True:
            with self._database.reading() as connection:
                found = connection.execute(query, self._values()).fetchone()
            if found is not None and (delivery := self._claim(dead=dead)) is not None:
                return delivery
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return None
            time.sleep(min(POLL_SECONDS, remaining))

    def _claim(self, *, dead: bool) -> Delivery | None:
        with self._database.writing() as connection:
            values = self._values(dead=dead)  # with the time of our turn: nobody's stamp can be later
            connection.execute(
                "UPDATE messages SET dead = 1, reason = 'delivered too often without an ack', "  # noqa: S608
                f"stamped_at = :now, visible_at = :now WHERE {_USED_UP}",
                values,
            )
            row = connection.execute(
                "SELECT message_id, body, deliveries + 1, owner FROM messages LEFT JOIN turns USING (owner) "  # noqa: S608
                f"WHERE dead = :dead AND {_FREE} ORDER BY ifnull(turn, 0), message_id LIMIT 1",
                values,
            ).fetchone()
            if row is None:
                return None
            message_id, body, number, owner = row
            if not dead:
                connection.execute(
                    "INSERT OR REPLACE INTO turns SELECT ?, ifnull(max(turn), 0) + 1 FROM turns", (owner,)
                )
            delivery = _SqliteDelivery(self._database, message_id, body, number, dead=dead)
            connection.execute(
                "UPDATE messages SET deliveries = :number, stamped_at = :now, visible_at = :until "
                "WHERE message_id = :message_id",
                values
                | {"message_id": message_id, "number": number, "until": _now(self._visibility_timeout)},
            )
            return delivery

    def _values(self, **more: Any) -> dict[str, Any]:
        return {"now": _now(), "max_deliveries": self._max_deliveries} | more


class _SqliteDelivery(Delivery):
    """A delivery is identified by the message's `deliveries`, which only grows."""

    def __init__(self, database: Database, message_id: int, body: bytes, number: int, *, dead: bool) -> None:
        self._database = database
        self._body = body
        self._mine = {"message_id": message_id, "number": number, "dead": dead}

    @property
    def body(self) -> bytes:
        return self._body

    def ack(self) -> None:
        self._settle("DELETE FROM messages")

    def nack(self, delay: float = 0.0) -> None:
        self._settle("UPDATE messages SET stamped_at = :now, visible_at = :until", delay)

    def extend(self, seconds: float) -> None:
        self._settle("UPDATE messages SET stamped_at = :now, visible_at = :until", seconds)

    def reject(self, reason: str) -> None:
        if not self._mine["dead"]:
            self._settle(
                "UPDATE messages SET dead = 1, reason = :reason, stamped_at = :now, visible_at = :now",
                reason=reason,
            )

    def _settle(self, change: str, seconds: float = 0.0, **values: Any) -> None:
        with self._database.writing() as connection:
            times = {"now": _now(), "until": _now(seconds)}
            connection.execute(
                f"{change} WHERE message_id = :message_id AND dead = :dead AND deliveries = :number "
                f"AND {_HELD}",
                self._mine | times | values,
            )


def _now(seconds: float = 0.0) -> int:
    return time.time_ns() // 1000 + int(seconds * _SECOND)
