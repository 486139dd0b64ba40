"""How severe an entry is: by the beginning of its message, else by its context."""

import json
import re
from collections.abc import Sequence
from functools import lru_cache

_WORDS = {
    "trace": "trace verbose vrb trc finest finer",
    "debug": "debug dbg fine",
    "info": "info information informational inf",
    "notice": "notice",
    "warning": "warning warn wrn",
    "error": "error err failure severe eror",
    "critical": "critical crit crt fatal ftl",
    "alert": "alert",
    "emergency": "emergency emerg panic",
}
WORDS = {word: severity for severity, words in _WORDS.items() for word in words.split()}
"""Which severity a word stands for, in any case of its letters."""

SYSLOG = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")
"""By the number that syslog (RFC 5424), journald's PRIORITY and GELF's level use."""

NUMBERS = {
    **{str(number): severity for number, severity in enumerate(SYSLOG)},
    # pino and bunyan: https://getpino.io/#/docs/api?id=logger-level
    **dict(
        zip(
            ("10", "20", "30", "40", "50", "60"),
            ("trace", "debug", "info", "warning", "error", "critical"),
            strict=True,
        )
    ),
    # Google Cloud Logging's LogSeverity
    **dict(
        zip(
            ("100", "200", "300", "400", "500", "600", "700", "800"),
            ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"),
            strict=True,
        )
    ),
}
FIELDS = ("level", "severity", "log.level", "PRIORITY")
"""The fields of a context that tell it, the first that does."""

_ANY = "|".join(sorted(WORDS, key=len, reverse=True))
_START = re.compile(
    rf"[^A-Za-z]{{0,80}}?(?:\[\s?((?i:{_ANY}))\s?\]|<((?i:{_ANY}))>|\b((?i:{_ANY}))\s?[:|]"
    rf"|\b({_ANY.upper()})(?![A-Za-z0-9_]))",
    re.ASCII,
)
_FIRST = re.compile(r"[^A-Za-z]{0,82}([A-Za-z]{1,20})", re.ASCII)  # the only word that _START can match
_NAMED = re.compile(rf"(?:level|lvl|severity)\"?[=:]\s?\"?((?i:{_ANY}))\b", re.ASCII)
_REMEMBERED = 1_000  # characters of a context
_FIELD = re.compile(r'"(?:level|severity|log\.level|PRIORITY|log)"')


def of_message(message: str) -> str | None:
    """What the message's beginning says: `ERROR …`, `… [warn] …`, `error: …`, `level=info`; None if nothing.

    Before it may stand what holds no letter (a time, a number of a process). It can be masked.
    """
    start = message[:300]
    first = _FIRST.match(start)
    found = _START.match(start) if first and first[1].lower() in WORDS else None
    if found is None and ("level" in start or "lvl" in start or "severity" in start):
        found = _NAMED.search(start)
    return WORDS[found[found.lastindex].lower()] if found and found.lastindex else None


def of_contexts(contexts: Sequence[str | None]) -> list[str | None] | None:
    """The same of many; None if there is no context at all."""
    return [of_context(context or "") for context in contexts] if any(contexts) else None


def of_context(context: str) -> str | None:
    """What the first of `FIELDS` says that the context, JSON text, has; None if none does."""
    return _read(context) if len(context) <= _REMEMBERED else _read.__wrapped__(context)


@lru_cache(4096)
def _read(context: str) -> str | None:
    if not _FIELD.search(context):
        return None
    try:
        fields = json.loads(context)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    for name in FIELDS:
        value = fields.get(name)
        if value is None and name == "log.level" and isinstance(fields.get("log"), dict):
            value = fields["log"].get("level")
        if isinstance(value, str):
            severity = WORDS.get(value.lower()) or NUMBERS.get(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            severity = NUMBERS.get(str(value))
        else:
            severity = None
        if severity is not None:
            return severity
    return None
