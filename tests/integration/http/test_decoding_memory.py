"""What decoding a JSON or OTLP body takes in memory, whatever is in it: the factor of docs/operations.md.

Linux: the peak is in /proc. Each case runs in a process of its own, with limits of a fifth of the usual ones.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from logleap.codecs.limits import DEFAULT_LIMITS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="peaks of memory are read in Linux' /proc")

LIMITS = replace(DEFAULT_LIMITS, json_bytes=2 << 20, entry_bytes=200 << 10, json_entries=10_000)
OPERATIONS = (Path(__file__).parents[3] / "docs/operations.md").read_text()
AT = 1772431200 * 10**9
NOISE = 8 << 20  # bytes: of the allocators

PROGRAM = """
import sys
from dataclasses import replace
from logleap.codecs.json.stream import EntryStream, read_json
from logleap.codecs.limits import DEFAULT_LIMITS
from logleap.codecs.otlp.messages import from_json, from_protobuf
from logleap.codecs.otlp.records import Export
from logleap.domain.errors import Refusal

kind, json_bytes, entry_bytes, json_entries = sys.argv[1], *map(int, sys.argv[2:])
limits = replace(DEFAULT_LIMITS, json_bytes=json_bytes, entry_bytes=entry_bytes, json_entries=json_entries)

def decode(body):
    try:
        if kind == "entries":
            pieces = type("Body", (), {"__iter__": lambda self: iter([body])})()
            source = EntryStream(pieces, limits, read_json)
        else:
            source = Export({"protobuf": from_protobuf, "json": from_json}[kind](body, limits), "", limits)
        return sum(len(part) for part in source)
    except Refusal as refusal:
        return refusal

def status(name):
    return next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith(name))

body = sys.stdin.buffer.read()
decode(b"[]" if kind == "entries" else b"{}" if kind == "json" else b"")
open("/proc/self/clear_refs", "w").write("5")
before = status("VmRSS")
decoded = decode(body)
print(status("VmHWM") - before, decoded)
"""


def length(size: int) -> bytes:
    digits = bytearray()
    while size > 0x7F:
        digits.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*digits, size])


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + length(len(content)) + content


def protobuf(records: bytes, around: bytes = b"") -> bytes:
    return field(1, around + field(2, records))


def record(content: bytes) -> bytes:
    return field(2, b"\x09" + AT.to_bytes(8, "little") + content)


def as_json(*records: str) -> bytes:
    return f'{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{",".join(records)}]}}]}}]}}'.encode()


def json_record(attributes: str) -> str:
    return f'{{"timeUnixNano":"{AT}","body":{{"stringValue":"x"}},"attributes":[{attributes}]}}'


TEXT = field(5, field(1, b"x"))
WIDE = field(5, field(1, ("x" * 190_000 + "\U0001f600").encode()))  # Python takes four bytes for each letter
RESOURCE = field(1, field(1, field(1, b"k") + field(2, field(1, ("y" * 750 + "\U0001f600").encode()))))
MIB = 1 << 20

CASES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "records": ("protobuf", lambda: protobuf(b"\x12\x00" * (MIB - 20))),
    "resources": ("protobuf", lambda: b"\x0a\x00" * MIB),
    "scopes": ("protobuf", lambda: field(1, b"\x12\x00" * (MIB - 10))),
    "unknown fields": ("protobuf", lambda: b"\x18\x00" * MIB),
    "attributes": ("protobuf", lambda: protobuf(record(TEXT + b"\x32\x00" * 90_000) * 11)),
    "values": ("protobuf", lambda: protobuf(record(field(5, field(5, b"\x0a\x00" * 90_000))) * 11)),
    "wide texts": ("protobuf", lambda: protobuf(record(WIDE) * 10)),
    "a repeated resource": ("protobuf", lambda: protobuf(record(TEXT) * 10_000, RESOURCE)),
    "resources in JSON": ("json", lambda: b'{"resourceLogs":[' + b"{}," * (MIB // 2) + b"{}]}"),
    "records in JSON": ("json", lambda: as_json(*["{}"] * (MIB // 2))),
    "spaced records in JSON": ("json", lambda: as_json(*["     1"] * (MIB // 4))),
    "attributes in JSON": ("json", lambda: as_json(*[json_record(",".join(["{}"] * 60_000))] * 11)),
    "spaced attributes in JSON": (
        "json",
        lambda: as_json(*[json_record(",".join(["{" + " " * 14 + "}"] * 11_000))] * 10),
    ),
    "members in JSON": (
        "json",
        lambda: b'{"resourceLogs":[{%b}]}' % ",".join(f'"{n}":1' for n in range(200_000)).encode(),
    ),
    "empty entries": ("entries", lambda: b"[" + b"{}," * (MIB // 2) + b"{}]"),
    "short entries": (
        "entries",
        lambda: json.dumps([{"timestamp": "2026-03-02T06:00:00Z", "message": "x"}] * 38_000).encode(),
    ),
    "numbers": ("entries", lambda: b"[" + b"1," * (MIB - 10) + b"1]"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_body_takes_no_more_memory_than_the_factor_says(case: str) -> None:
    kind, make = CASES[case]
    body = make()
    assert len(body) <= LIMITS.json_bytes
    [factor] = re.findall(r"at most (\d+) times `LOGLEAP_JSON_BODY_LIMIT`", OPERATIONS)
    limits = map(str, (LIMITS.json_bytes, LIMITS.entry_bytes, LIMITS.json_entries))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, kind, *limits], input=body, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    grown, decoded = done.stdout.decode().split(maxsplit=1)
    assert int(grown) < int(factor) * LIMITS.json_bytes + NOISE, decoded


@pytest.mark.parametrize("case", ["attributes", "values", "wide texts", "a repeated resource"])
def test_a_case_is_an_export(case: str) -> None:
    """Were it none, it would be refused for that."""
    assert ExportLogsServiceRequest.FromString(CASES[case][1]()).resource_logs[0].scope_logs[0].log_records
