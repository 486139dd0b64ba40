"""A batch that is too large for a proxy is sent in halves: nothing is lost, and nothing stored twice."""

from collections.abc import Callable, Iterator

from logleap.client._errors import ApiError, Json


def _raise(_: int, error: ApiError) -> None:
    raise error


class BatchPoster:
    """Posts batches, as a whole or in parts. It remembers which size a proxy refused.

    **Why a repeat is exact.** The key of a part is made of the place of its first entry alone, so the whole
    batch and its first half have the same key, which the server stores one body for. A later attempt with
    other limits finds that the key is in use (IDEMPOTENCY_KEY_REUSED) and goes on in halves, until it meets
    the parts that are stored. Parts are posted in order, each after the one before is acknowledged, so no
    part is stored without those before it.
    """

    def __init__(self) -> None:
        self._refused: float = float("inf")  # bytes that a proxy does not take

    def post(
        self,
        entries: int,
        body: Callable[[range], bytes],
        send: Callable[[range, bytes, int], Json],
        too_large: Callable[[int, ApiError], None] = _raise,
    ) -> Iterator[tuple[range, Json]]:
        """Posts `entries` entries; yields each part that is acknowledged, with the answer.

        `body` makes the request of a part, `send` posts it under a key of the place that it is given.
        `too_large` is called with an entry that is refused as too large even alone, which is then left out:
        its place becomes that of the next part, so that a repeat with a higher limit does not store what
        follows a second time. Raises ApiError for any other refusal; a key that is in use for a single entry
        means that an earlier attempt stored larger parts than can be sent now, or others.
        """
        waiting = [range(entries)]
        place: int | None = None  # of an entry that was left out
        while waiting:
            part = waiting.pop()
            content = body(part)
            alone = len(part) == 1
            if not alone and len(content) >= self._refused:
                waiting += _halves(part)
                continue
            first = part.start if place is None else place
            try:
                answer = send(part, content, first)
            except ApiError as error:
                if error.too_large and not error.code:
                    self._refused = min(self._refused, len(content))
                if not alone and (error.too_large or error.key_reused):
                    waiting += _halves(part)
                elif error.too_large:
                    too_large(part.start, error)
                    place = first
                else:
                    raise
            else:
                place = None
                yield part, answer


def _halves(part: range) -> tuple[range, range]:
    """The later one first."""
    middle = len(part) // 2
    return part[middle:], part[:middle]
