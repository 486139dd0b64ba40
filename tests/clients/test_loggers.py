"""The tables of docs/clients/loggers.md: what loggers really write, and what becomes of it."""

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

from tools.clients.programs import Journal, Program

PAGE = (Path(__file__).parents[2] / "docs/clients/loggers.md").read_text(encoding="utf-8")
NDJSON = {"Content-Type": "application/x-ndjson"}
LOCAL = {"TZ": "Europe/Berlin"}

Row = Mapping[str, str]


def table(heading: str) -> list[Row]:
    """The rows of the table under `heading`, by the names of the columns."""
    part = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    header, _, *rows = [
        [cell.strip() for cell in line.strip("|").split(" |")]
        for line in part.splitlines()
        if line.startswith("|")
    ]
    return [dict(zip(header, row, strict=True)) for row in rows]


PROGRAMS = {row["logger"]: row for row in table("Tried with the programs")}
SAMPLES = {row["logger"]: row for row in table("Tried with records as their documentation shows them")}


def code(cell: str) -> str:
    found = re.fullmatch("`(.*)`", cell)
    assert found, f"{cell} is not in backquotes"
    return found[1]


def member(cell: str) -> tuple[str, Any]:
    ((name, value),) = json.loads(f"{{{code(cell)}}}").items()
    return name, value


def value_of(record: Any, name: str) -> Any:
    """By a name with dots, unless it is literally there."""
    if name in record:
        return record[name]
    outer, _, inner = name.partition(".")
    return value_of(record[outer], inner)


def shape(value: Any) -> str:
    """With each digit as 9; of a number of seconds any fraction."""
    if isinstance(value, float):
        return "9" * len(str(int(value))) + ".9"
    return re.sub("[0-9]", "9", json.dumps(value))


def precision_of(value: Any) -> str:
    """To what the time in a record is exact, cut to microseconds."""
    if isinstance(value, float):
        return "us"
    digits = re.fullmatch("[0-9]+", str(value))
    if digits:
        return {10: "s", 13: "ms", 16: "us"}[len(digits[0])]
    fraction = re.search("[.,]([0-9]+)", str(value))
    return {0: "s", 3: "ms"}.get(len(fraction[1]) if fraction else 0, "us")


# ---- what the programs write -------------------------------------------------------------------------------


class Logger(NamedTuple):
    package: str
    program: str


NPM = {
    "pino": Logger("pino", "require('pino')().warn({gate: 4}, 'jam at gate %d', 4)"),
    "pino, `isoTime`": Logger(
        "pino",
        "const pino = require('pino'); const timestamp = pino.stdTimeFunctions.isoTime;"
        "pino({timestamp}).warn({gate: 4}, 'jam at gate %d', 4)",
    ),
    "pino, `unixTime`": Logger(
        "pino",
        "const pino = require('pino'); const timestamp = pino.stdTimeFunctions.unixTime;"
        "pino({timestamp}).warn({gate: 4}, 'jam at gate %d', 4)",
    ),
    "bunyan": Logger(
        "bunyan", "require('bunyan').createLogger({name: 'app'}).warn({gate: 4}, 'jam at gate %d', 4)"
    ),
    "winston": Logger(
        "winston",
        "const w = require('winston');"
        "const format = w.format.combine(w.format.timestamp(), w.format.json());"
        "w.createLogger({format, transports: [new w.transports.Console()]}).warn('jam at gate 4', {gate: 4})",
    ),
    "winston, `timestamp({format})`": Logger(
        "winston",
        "const w = require('winston'); const time = w.format.timestamp({format: 'YYYY-MM-DD HH:mm:ss.SSS'});"
        "const format = w.format.combine(time, w.format.json());"
        "w.createLogger({format, transports: [new w.transports.Console()]}).warn('jam at gate 4', {gate: 4})",
    ),
    "log4js with log4js-json-layout": Logger(
        "log4js",
        "const log4js = require('log4js'); log4js.addLayout('json', require('log4js-json-layout'));"
        "log4js.configure({appenders: {out: {type: 'stdout', layout: {type: 'json'}}},"
        "categories: {default: {appenders: ['out'], level: 'debug'}}});"
        "log4js.getLogger('app').warn('jam at gate %d', 4)",
    ),
    "@elastic/ecs-pino-format": Logger(
        "@elastic/ecs-pino-format",
        "const { ecsFormat } = require('@elastic/ecs-pino-format');"
        "require('pino')(ecsFormat()).warn({gate: 4}, 'jam at gate %d', 4)",
    ),
    "@elastic/ecs-winston-format": Logger(
        "@elastic/ecs-winston-format",
        "const w = require('winston'); const format = require('@elastic/ecs-winston-format').ecsFormat();"
        "w.createLogger({format, transports: [new w.transports.Console()]}).warn('jam at gate 4', {gate: 4})",
    ),
}


def _logging(formatter: str) -> str:
    return (
        f"import logging, sys; {formatter}; handler = logging.StreamHandler(sys.stdout);"
        "handler.setFormatter(formatter); logging.getLogger().addHandler(handler);"
        "logging.warning('jam at gate %d', 4)"
    )


def _structlog(stamper: str) -> str:
    return (
        "import structlog; from structlog.processors import *;"
        f"structlog.configure(processors=[add_log_level, TimeStamper({stamper}), JSONRenderer()]);"
        "structlog.get_logger().warning('jam at gate 4', gate=4)"
    )


PYPI = {
    'structlog, `TimeStamper(fmt="iso")`': Logger("structlog", _structlog("fmt='iso'")),
    "structlog, `TimeStamper()`": Logger("structlog", _structlog("")),
    "structlog, `TimeStamper(utc=False)`": Logger("structlog", _structlog("fmt='iso', utc=False")),
    "loguru, `serialize=True`": Logger(
        "loguru",
        "import sys; from loguru import logger; logger.remove(); logger.add(sys.stdout, serialize=True);"
        "logger.warning('jam at gate {}', 4)",
    ),
    "python-json-logger, `timestamp=True`": Logger(
        "python-json-logger",
        _logging(
            "from pythonjsonlogger.json import JsonFormatter; formatter = JsonFormatter(timestamp=True)"
        ),
    ),
    "python-json-logger, `%(asctime)s`": Logger(
        "python-json-logger",
        _logging(
            "from pythonjsonlogger.json import JsonFormatter;"
            "formatter = JsonFormatter('%(asctime)s %(levelname)s %(message)s')"
        ),
    ),
    "ecs-logging": Logger(
        "ecs-logging", _logging("import ecs_logging; formatter = ecs_logging.StdlibFormatter()")
    ),
    "python-logstash-async": Logger(
        "python-logstash-async",
        _logging("from logstash_async.formatter import LogstashFormatter; formatter = LogstashFormatter()"),
    ),
    "aws-lambda-powertools": Logger(
        "aws-lambda-powertools",
        "from aws_lambda_powertools import Logger; Logger(service='app').warning('jam at gate 4')",
    ),
    "pygelf": Logger(
        "pygelf",
        "import logging, socket; from pygelf import GelfUdpHandler;"
        "inbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
        "inbox.bind(('127.0.0.1', 0)); inbox.settimeout(10);"
        "logging.getLogger().addHandler(GelfUdpHandler('127.0.0.1', inbox.getsockname()[1], compress=False));"
        "logging.warning('jam at gate %d', 4); print(inbox.recv(65536).decode())",
    ),
}
JOURNALD = ("journald, `journalctl -o json`", "journald, a text with control characters")
RSYSLOG = ("rsyslog, `jsonmesg`, RFC 5424", "rsyslog, `jsonmesg`, RFC 3164")


def without_mapping(logger: str) -> str:
    """A row about a mapping of one's own is about the same records."""
    return logger.removesuffix(", own mapping")


def output_of(command: list[str], environment: Mapping[str, str]) -> bytes:
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, b""), done
    return done.stdout


def test_the_pages_table_has_the_loggers_that_are_tried() -> None:
    assert {without_mapping(name) for name in PROGRAMS} == {*NPM, *PYPI, *JOURNALD, *RSYSLOG}


# ---- comparing ---------------------------------------------------------------------------------------------


PRECISION = {"s": timedelta(seconds=1), "ms": timedelta(milliseconds=1), "us": timedelta(microseconds=1)}


def check(server: Any, row: Row, sent: bytes, began: datetime, ended: datetime) -> None:
    """That the record in `sent` is what the page's row says, and that what is stored of it is, too."""
    record = json.loads(sent)
    (time_name, time_shown), (text_name, text_shown) = member(row["time"]), member(row["text"])
    assert shape(value_of(record, time_name)) == shape(time_shown), sent
    text = value_of(record, text_name)
    assert text == text_shown
    data_id = server.announce()
    mapping = code(row["mapping"])
    url = f"{server.url}/data/{data_id}?mapping={mapping}"
    answer = httpx2.post(url, content=sent, headers=NDJSON, trust_env=False)
    if row["LogLeap's time"].startswith("refused: "):
        assert answer.status_code == 422
        (error,) = answer.json()["errors"]
        assert error["code"] == code(row["LogLeap's time"].removeprefix("refused: "))
        assert server.entries(data_id) == 0
        return
    assert answer.status_code == 200, answer.text
    (stored,) = server.trained(data_id)
    assert precision_of(value_of(record, time_name)) == row["LogLeap's time"]
    precision = PRECISION[row["LogLeap's time"]]
    moment = datetime.fromisoformat(stored.timestamp)
    assert began - precision <= moment <= ended + precision / 2  # some cut, pino's unixTime rounds
    assert (moment - began.replace(microsecond=0)) % precision == timedelta(0)
    assert stored.message == (bytes(text).decode() if isinstance(text, list) else text.removeprefix(" "))
    assert set(stored.context or ()) <= set(record) - {text_name, time_name}


def now() -> datetime:
    return datetime.now(UTC)


@pytest.mark.parametrize("logger", [name for name in PROGRAMS if without_mapping(name) in NPM])
def test_records_of_npms_loggers_are_taken_as_the_page_says(
    server: Any, npm: Mapping[str, str], logger: str
) -> None:
    package, program = NPM[without_mapping(logger)]
    installed = Path(npm["NODE_PATH"], package, "package.json")
    assert PROGRAMS[logger]["version"] == json.loads(installed.read_text(encoding="utf-8"))["version"]
    began = now()
    sent = output_of(["node", "-e", program], {**npm, **LOCAL})
    check(server, PROGRAMS[logger], sent, began, now())


@pytest.mark.parametrize("logger", [name for name in PROGRAMS if without_mapping(name) in PYPI])
def test_records_of_pythons_loggers_are_taken_as_the_page_says(server: Any, logger: str) -> None:
    package, program = PYPI[without_mapping(logger)]
    assert PROGRAMS[logger]["version"] == version(package)
    began = now()
    sent = output_of([sys.executable, "-c", program], LOCAL)
    check(server, PROGRAMS[logger], sent, began, now())


@pytest.mark.parametrize(("logger", "message"), [(JOURNALD[0], b"jam at gate 4"), (JOURNALD[1], b"jam\r")])
def test_records_of_the_journal_are_taken_as_the_page_says(
    server: Any, systemd_journal: Journal, tmp_path: Path, logger: str, message: bytes
) -> None:
    """A journal is made of its export format: https://systemd.io/JOURNAL_EXPORT_FORMATS."""
    exported, journal = tmp_path / "in.export", tmp_path / "a.journal"
    exported.write_bytes(
        b"__REALTIME_TIMESTAMP=1772431200123456\n__MONOTONIC_TIMESTAMP=1000000\n"
        b"_BOOT_ID=c0ffee00c0ffee00c0ffee00c0ffee00\nPRIORITY=4\n"
        b"MESSAGE\n" + struct.pack("<Q", len(message)) + message + b"\n\n"
    )
    writer, reader = systemd_journal
    subprocess.run(
        [*writer.command, "-o", str(journal), str(exported)],
        env={**os.environ, **writer.environment},
        capture_output=True,
        check=True,
    )
    sent = output_of([*reader.command, "--file", str(journal), "-o", "json"], {**reader.environment, **LOCAL})
    at = datetime(2026, 3, 2, 6, 0, 0, 123456, tzinfo=UTC)
    check(server, PROGRAMS[logger], sent, at, at)


RSYSLOG_CONFIGURATION = """
module(load="imtcp")
template(name="json" type="string" string="%jsonmesg%\\n")
ruleset(name="in") {{ action(type="omfile" file="{folder}/out.json" template="json") }}
input(type="imtcp" port="0" address="127.0.0.1" ruleset="in" listenPortFileName="{folder}/port")
"""


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"no {what}"
        time.sleep(0.05)


def test_records_of_rsyslog_are_taken_as_the_page_says(
    server: Any, rsyslogd: Program, tmp_path: Path
) -> None:
    configuration, port, out = tmp_path / "rsyslog.conf", tmp_path / "port", tmp_path / "out.json"
    configuration.write_text(RSYSLOG_CONFIGURATION.format(folder=tmp_path))
    process = subprocess.Popen(
        [*rsyslogd.command, "-n", "-f", str(configuration), "-i", str(tmp_path / "pid")],
        env={**os.environ, **rsyslogd.environment, "TZ": "UTC-01:00"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: port.exists() and port.read_text().strip() != "", "port of rsyslog")
        with socket.create_connection(("127.0.0.1", int(port.read_text()))) as connection:
            connection.sendall(
                b"<132>1 2026-03-02T06:00:00.123456+01:00 gate-4 conveyor 12 - - jam at gate 4\n"
                b"<132>Mar  2 06:00:00 gate-4 conveyor[12]: jam at gate 4\n"
            )
        wait_until(lambda: out.exists() and out.read_bytes().count(b"\n") == 2, "records of rsyslog")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
    rfc5424, rfc3164 = out.read_bytes().splitlines()
    at = datetime(2026, 3, 2, 5, 0, 0, 123456, tzinfo=UTC)
    check(server, PROGRAMS[RSYSLOG[0]], rfc5424, at, at)
    year = datetime.fromisoformat(json.loads(rfc3164)["timereported"]).year  # rsyslog's guess
    at = at.replace(year=year, microsecond=0)
    check(server, PROGRAMS[RSYSLOG[1]], rfc3164, at, at)


@pytest.mark.parametrize("logger", SAMPLES)
def test_records_as_documentation_shows_them_are_taken_as_the_page_says(server: Any, logger: str) -> None:
    row = SAMPLES[logger]
    data_id = server.announce()
    url = f"{server.url}/data/{data_id}?mapping={code(row['mapping'])}"
    sent = code(row["record"]).encode()
    answer = httpx2.post(url, content=sent, headers=NDJSON, trust_env=False)
    if row["LogLeap's time"].startswith("refused: "):
        assert answer.status_code == 422
        (error,) = answer.json()["errors"]
        assert error["code"] == code(row["LogLeap's time"].removeprefix("refused: "))
        return
    assert answer.status_code == 200, answer.text
    (stored,) = server.trained(data_id)
    assert datetime.fromisoformat(stored.timestamp) == datetime.fromisoformat(
        row["LogLeap's time"] + "+00:00"
    )
    assert stored.message == code(row["LogLeap's text"])
    assert code(row["mapping"]) == "otel-file" or set(stored.context or ()) <= set(json.loads(sent))
