"""Google's errors as the ports' errors: the only place that turns one into the other."""

from collections.abc import Iterator
from contextlib import contextmanager

from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError

from logleap.adapters.gcp.google.deadlines import TRANSIENT
from logleap.ports.errors import Unavailable

_FIRESTORE_GAVE_UP = "Failed to commit transaction"  # a bare ValueError: googleapis/python-firestore#879

_TRANSIENT: tuple[type[Exception], ...] = (
    *TRANSIENT,
    exceptions.RetryError,
    exceptions.Aborted,
    exceptions.Cancelled,
    exceptions.Unknown,
    TimeoutError,
    ConnectionError,
)

_DENIED: tuple[type[Exception], ...] = (
    exceptions.Unauthorized,
    exceptions.Forbidden,
    GoogleAuthError,
)


@contextmanager
def translated(service: str) -> Iterator[None]:
    """Within it, a transient error becomes Unavailable, which names `service` and the kind alone.

    Also a decorator for methods; of a generator it covers only the creation, not the iteration. All other
    errors pass unchanged: only the adapter knows what they mean (a missing table, a failed precondition).
    """
    try:
        yield
    except _TRANSIENT as error:
        raise Unavailable(f"{service} is unavailable ({_kind(error)})") from error
    except _DENIED as error:
        raise Unavailable(
            f"{service} refuses the call ({_kind(error)}): check the credentials, their roles and the quotas"
        ) from error
    except ValueError as error:
        if not str(error).startswith(_FIRESTORE_GAVE_UP):
            raise
        raise Unavailable(f"{service} has too much contention on one document") from error


def _kind(error: Exception) -> str:
    # Google's own text may hold names, queries and data: it stays in the cause.
    cause = error.cause if isinstance(error, exceptions.RetryError) and error.cause else error
    return type(cause).__name__
