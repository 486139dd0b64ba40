"""Log records as JSON entries that the API always accepts."""

import logging
import math
from datetime import UTC, datetime

import msgspec

from logleap.codecs.limits import DEFAULT_LIMITS

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_NESTED = 90  # levels of arrays and objects; the API takes 100, some of which enclose the value


class NotAnEntry(Exception):
    """A record that cannot be an entry. The text is the reason, in a few words."""


def encode(record: logging.LogRecord, message: str) -> bytes:
    """The entry: `message`, and everything else about the record in its context. Raises NotAnEntry.

    The context has logger, level, file, line, function, process and thread; `exception`, the class of the
    logged exception; and `extra`, what the program added to the record.
    """
    if not message:
        raise NotAnEntry("empty message")
    context = {
        "logger": record.name,
        "level": record.levelname,
        "file": record.pathname,
        "line": record.lineno,
        "function": record.funcName,
        "process": record.process,
        "thread": record.threadName,
    }
    if record.exc_info and record.exc_info[0] is not None:
        context["exception"] = record.exc_info[0].__qualname__
    extra = {_clean(name): _value(value) for name, value in vars(record).items() if name not in _STANDARD}
    entry = msgspec.json.encode(
        {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "message": _clean(message),
            "context": {name: _value(value) for name, value in context.items()}
            | ({"extra": extra} if extra else {}),
        }
    )
    if len(entry) > DEFAULT_LIMITS.entry_bytes:
        raise NotAnEntry("larger than 1 MiB")
    return entry


def _value(value: object) -> msgspec.Raw | str:
    """As JSON if possible, else as text."""
    try:
        encoded = msgspec.json.encode(value, enc_hook=str)
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.EncodeError):
        # Non-string keys, a lone surrogate, a huge number, a cycle.
        return _clean(repr(value))
    if b"null" in encoded and _has_no_json(msgspec.to_builtins(value, enc_hook=str)):
        return _clean(repr(value))  # NaN or infinity, of which JSON would make null
    if len(encoded) > _NESTED and encoded.count(b"[") + encoded.count(b"{") > _NESTED:
        return encoded.decode()
    return msgspec.Raw(encoded)


def _has_no_json(value: object) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    within = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return any(map(_has_no_json, within))


def _clean(text: str) -> str:
    """The text with lone surrogates (as in file names that are not UTF-8) escaped."""
    return text.encode("utf-8", "backslashreplace").decode()
