"""What a call of the API can end with, other than its answer."""

import re
from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]


class ApiError(Exception):
    """The API refused the call. `status` and `code` are those of its problem+json; the text is its detail.

    `code` is empty if the answer is not LogLeap's: a proxy gave it.
    `retry_after`: the seconds to wait before a retry; None if a retry would not help.
    """

    def __init__(
        self, status: int, code: str, detail: str, problem: Json, retry_after: float | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.problem = problem
        self.retry_after = retry_after

    @property
    def too_large(self) -> bool:
        """Whether a smaller request may be accepted: by LogLeap, or by a proxy before it."""
        return self.status == 413

    @property
    def key_reused(self) -> bool:
        """Whether another body is stored under the request's Idempotency-Key."""
        return self.code == "IDEMPOTENCY_KEY_REUSED"


class Unreachable(Exception):
    """The API did not answer, after all retries."""


class Incomplete(Exception):
    """A stream broke off, or does not have the number of entries that the server said. The text has both.

    `problem`: the `code` and `detail` of what ended it, if the server said them.
    """

    def __init__(self, text: str, problem: Json | None = None) -> None:
        super().__init__(text)
        self.problem = problem


class BadAddress(ValueError):
    """The URL is invalid, or the key contains characters that an HTTP header cannot."""


_TOO_LARGE = re.compile(r"entry with index (\d+), (has more than \d+ bytes)")


def too_large(problem: Json) -> tuple[int, str] | None:
    """Of a problem the index of the one entry that is too large, and by what; None: it is another problem."""
    if problem.get("code") != "ENTRY_TOO_LARGE":
        return None
    found = _TOO_LARGE.search(str(problem.get("detail")))
    return (int(found[1]), f"it {found[2]}") if found else None
