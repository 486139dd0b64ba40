"""The trace that a request belongs to, so that its log lines are found with it."""

import re
from collections.abc import Mapping

_W3C = re.compile(r"[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(-.*)?")
_GOOGLE = re.compile(r"(?P<trace>[0-9a-fA-F]{32})(?:/(?P<span>[0-9]{1,20}))?(?:;o=(?P<options>[0-9]))?")


def trace_of(traceparent: str | None, google: str | None = None) -> dict[str, str | bool]:
    """`trace` (32 hex digits), `spanId` (16) and `traceSampled`, as far as the headers tell; else empty.

    From `traceparent` (https://www.w3.org/TR/trace-context/), else from `X-Cloud-Trace-Context`
    (https://docs.cloud.google.com/trace/docs/trace-context), both of which Cloud Run sends.
    """
    match = _W3C.fullmatch(traceparent) if traceparent else None
    if match and int(match["trace"], 16) and int(match["span"], 16):
        return {
            "trace": match["trace"],
            "spanId": match["span"],
            "traceSampled": bool(int(match["flags"], 16) & 1),
        }
    match = _GOOGLE.fullmatch(google) if google else None
    if match is None or not int(match["trace"], 16):
        return {}
    found: dict[str, str | bool] = {"trace": match["trace"].lower()}
    span = int(match["span"] or 0)
    if 0 < span < 1 << 64:
        found["spanId"] = f"{span:016x}"
    if match["options"]:
        found["traceSampled"] = match["options"] == "1"
    return found


def traceparent_of(trace: Mapping[str, str | bool]) -> str | None:
    """What `trace_of` found, as a `traceparent`; None if it names no span."""
    if "spanId" not in trace:
        return None
    return f"00-{trace['trace']}-{trace['spanId']}-{'01' if trace.get('traceSampled', True) else '00'}"
