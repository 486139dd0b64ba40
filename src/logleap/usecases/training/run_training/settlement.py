"""How a queue message is settled once its run was looked at."""

from dataclasses import dataclass
from enum import Enum


class Disposition(Enum):
    """What becomes of a queue message."""

    DONE = "done"
    RETRY = "retry"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Settlement:
    """What to do with a queue message: acknowledge, deliver again in `delay` seconds, or dead-letter it."""

    disposition: Disposition
    reason: str
    delay: float = 0.0
