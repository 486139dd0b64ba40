"""Logs: one line each, control characters escaped, no bodies and no keys in them."""

import json
import logging
import traceback
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, BinaryIO, cast

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from logleap.entrypoints.log_lines import LineWriter, log_writer


def configure_logging(
    log_format: str, level: str, *, project: str | None = None, queued: bool = True
) -> None:
    """Send the log of this process, structlog's and the standard library's, to stderr.

    Whoever logs never waits for stderr, and never fails by it: see LineWriter, also for `queued`.

    `log_format` is `text` (key=value, for people) or `json` (one object a line, with `severity` and the
    request's trace as Cloud Logging reads them: https://docs.cloud.google.com/logging/docs/structured-logging).
    With the Google Cloud `project`, traces have the long name that older tools ask for.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    rendering = _rendering(log_format, project)
    lines = log_writer(queued=queued)
    handler = _Handler(lines)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("httpx2", "httpcore2", "waitress.queue", "google", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    # Lines of requests do not go through logging, and what the level leaves out goes through nothing at all:
    # https://www.structlog.org/en/stable/performance.html
    structlog.configure(
        processors=[*shared, *rendering, _as_bytes],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(cast("BinaryIO", lines)),
        cache_logger_on_first_use=True,
    )


class _Handler(logging.Handler):
    def __init__(self, lines: LineWriter) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 -- whoever logs what cannot be put into words goes on
            line = f"a log line of {record.name} cannot be formatted: {traceback.format_exc()}"
        self._lines.write(_encoded(line) + b"\n")


def _rendering(log_format: str, project: str | None) -> list[Processor]:
    if log_format == "json":
        prefix = f"projects/{project}/traces/" if project else ""
        return [
            _without_none,
            structlog.processors.format_exc_info,
            _named_trace(prefix),
            _for_cloud_logging,
            _as_json,
        ]
    return [structlog.processors.format_exc_info, _as_text]


_JSON = msgspec.json.Encoder(enc_hook=repr)
_TRACE: Mapping[str, str] = MappingProxyType(
    {
        "trace": "logging.googleapis.com/trace",
        "spanId": "logging.googleapis.com/spanId",
        "traceSampled": "logging.googleapis.com/trace_sampled",
    }
)


def _without_none(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    return {key: value for key, value in event.items() if value is not None}


def _named_trace(prefix: str) -> Processor:
    """The two forms of a trace's name: https://docs.cloud.google.com/trace/docs/trace-log-integration."""

    def name(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
        if "trace" in event:
            event["trace"] = prefix + event["trace"]
        return event

    return name


def _for_cloud_logging(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    event["severity"] = event.pop("level").upper()
    event["message"] = event.pop("event")
    for key, special in _TRACE.items():
        if key in event:
            event[special] = event.pop(key)
    if "exception" in event:
        # Error Reporting finds the trace in the message.
        event["message"] = f"{event['message']}\n{event.pop('exception')}"
    return event


def _as_json(logger: WrappedLogger, name: str, event: EventDict) -> str:
    try:
        return _JSON.encode(event).decode()
    except (UnicodeEncodeError, OverflowError):  # half a character, a huge number
        return json.dumps(event, default=repr)


def _as_bytes(logger: WrappedLogger, name: str, line: Any) -> bytes:
    return _encoded(str(line))


def _encoded(line: str) -> bytes:
    return line.encode(errors="backslashreplace")


def _as_text(logger: WrappedLogger, name: str, event: EventDict) -> str:
    """`time LEVEL message key=value …`; values with anything but visible ASCII are quoted and escaped."""
    trace = event.pop("exception", None)
    time, level, message = event.pop("time"), event.pop("level"), event.pop("event")
    event.pop("logger", None)
    pairs = [f"{key}={_plain(value)}" for key, value in event.items() if value is not None]
    line = " ".join([time, level.upper().ljust(7), _escaped(str(message)), *pairs])
    return f"{line}\n{trace}" if trace else line


def _escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def _plain(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and " " not in text and text else repr(text)
