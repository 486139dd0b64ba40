"""What users would pick instead: how each is started, fed, and asked how much it holds."""

import json
import os
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from benchmarks import load, payloads, servers
from benchmarks.competitors import programs
from benchmarks.servers import Server, running


class Store(ABC):
    """A server that takes entries over HTTP and keeps them; each turn of a comparison fills a new room."""

    name: ClassVar[str]
    durability: ClassVar[str]
    headers: ClassVar[Mapping[str, str]] = {"Content-Type": "application/json"}

    @abstractmethod
    def write(self, entries: Sequence[payloads.Line]) -> bytes:
        """The body that hands these entries over."""

    @abstractmethod
    def missing(self) -> str | None:
        """Why it cannot be started here, or None."""

    @abstractmethod
    def running(self) -> AbstractContextManager[Server]:
        """It, on loopback, with a data folder of its own that is gone afterwards."""

    @abstractmethod
    def room(self, port: int, name: str) -> str:
        """Make a place for entries. Returns the path that they are posted to."""

    @abstractmethod
    def count(self, port: int, path: str) -> int:
        """How many entries a place holds, as the server itself counts them."""


class _OfThisStack(Store):
    """Takes LogLeap's JSON, and is here in any case. A bare part of it tells what it took at its path."""

    def write(self, entries: Sequence[payloads.Line]) -> bytes:
        return payloads.json_array(entries)

    def missing(self) -> str | None:
        return None

    def room(self, port: int, name: str) -> str:
        return f"/data/{name}"

    def count(self, port: int, path: str) -> int:
        return int(load.call(port, "GET", path)["entries"])


class LogLeap(_OfThisStack):
    """LogLeap, backend `local`, a process for each core: the others use all cores by themselves."""

    name = "LogLeap"
    durability = "fdatasync before the answer (SQLite, WAL, synchronous=FULL)"

    def running(self) -> AbstractContextManager[Server]:
        return running(servers.logleap("local", processes=str(os.cpu_count() or 1)))

    def room(self, port: int, name: str) -> str:
        return f"/data/{load.call(port, 'POST', '/data')['dataId']}"

    def count(self, port: int, path: str) -> int:
        run = load.train(port, path.rpartition("/")[2])
        return int(run["result"]["entries"])


class FlaskAlone(_OfThisStack):
    """Flask on LogLeap's HTTP server, in one process, with a view that reads no body and keeps nothing."""

    name = "Flask alone"
    durability = "none: it keeps nothing"

    def running(self) -> AbstractContextManager[Server]:
        return running(servers.flask_alone)


class BareStack(_OfThisStack):
    """The least that keeps entries on LogLeap's stack (servers/stack.py), a process for each core."""

    name = "the bare stack"
    durability = "fdatasync before the answer, as LogLeap; but no receipts, owners, limits, log or metrics"

    def running(self) -> AbstractContextManager[Server]:
        return running(servers.stack)


_INFLUX = """\
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
"""


class InfluxDB(Store):
    """Debian's InfluxDB 1.6: a database a room."""

    name = "InfluxDB"
    durability = "fsync of its WAL before the answer (its default, wal-fsync-delay = 0)"
    headers: ClassVar[Mapping[str, str]] = {}

    def write(self, entries: Sequence[payloads.Line]) -> bytes:
        return payloads.line_protocol(entries)

    def missing(self) -> str | None:
        return _without("influxdb")

    def running(self) -> AbstractContextManager[Server]:
        def command(port: int, folder: Path) -> Sequence[str]:
            configuration = folder / "influxdb.conf"
            configuration.write_text(_INFLUX.format(port=port, rpc=servers.free_port(), folder=folder))
            return [str(programs.program("influxdb")), "-config", str(configuration)]

        return running(command, programs.libraries(), ready=lambda port: load.call(port, "GET", "/ping"))

    def room(self, port: int, name: str) -> str:
        _form(port, f"q=CREATE DATABASE {name}")
        return f"/write?db={name}&precision=u"

    def count(self, port: int, path: str) -> int:
        database = path.partition("db=")[2].partition("&")[0]
        answer = load.call(port, "GET", f"/query?db={database}&q={quote('SELECT count(message) FROM log')}")
        return int(answer["results"][0]["series"][0]["values"][0][1])


def _form(port: int, body: str) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    load.call(port, "POST", "/query", body.encode(), headers)


_CLICKHOUSE = """\
<yandex>
  <logger><level>warning</level><log>{folder}/ch.log</log><errorlog>{folder}/ch.err</errorlog></logger>
  <listen_host>127.0.0.1</listen_host><http_port>{port}</http_port><tcp_port>{tcp}</tcp_port>
  <path>{folder}/data/</path><tmp_path>{folder}/tmp/</tmp_path>
  <users_config>users.xml</users_config><default_profile>default</default_profile>
  <default_database>default</default_database><mark_cache_size>1073741824</mark_cache_size>
</yandex>
"""
_CLICKHOUSE_USERS = """\
<yandex>
  <profiles><default/></profiles><quotas><default/></quotas>
  <users><default><password/><networks><ip>127.0.0.1</ip></networks>
    <profile>default</profile><quota>default</quota></default></users>
</yandex>
"""


class ClickHouse(Store):
    """Debian's ClickHouse 18.16: a MergeTree a room. The time stamps stay text: it has no sub-second type."""

    name = "ClickHouse"
    durability = "none: it answers when the part is written, and never syncs it"

    def write(self, entries: Sequence[payloads.Line]) -> bytes:
        return payloads.ndjson(entries)

    def missing(self) -> str | None:
        return _without("clickhouse")

    def running(self) -> AbstractContextManager[Server]:
        def command(port: int, folder: Path) -> Sequence[str]:
            configuration = folder / "config.xml"
            configuration.write_text(_CLICKHOUSE.format(port=port, tcp=servers.free_port(), folder=folder))
            (folder / "users.xml").write_text(_CLICKHOUSE_USERS)
            return [str(programs.program("clickhouse")), f"--config-file={configuration}"]

        return running(command, programs.libraries(), ready=lambda port: load.call(port, "GET", "/ping"))

    def room(self, port: int, name: str) -> str:
        columns = "timestamp String, message String, context String"
        make = f"CREATE TABLE {name} ({columns}) ENGINE = MergeTree ORDER BY timestamp"
        load.call(port, "POST", "/", make.encode())
        return f"/?query={quote(f'INSERT INTO {name} FORMAT JSONEachRow')}"

    def count(self, port: int, path: str) -> int:
        name = path.split("%20")[2]
        return int(load.call(port, "POST", "/", f"SELECT count() FROM {name}".encode()))


class Datasette(Store):
    """datasette with its JSON write API: a table a room."""

    name = "datasette"
    durability = "fsync before the answer (SQLite's default, a rollback journal with synchronous=FULL)"

    def write(self, entries: Sequence[payloads.Line]) -> bytes:
        return payloads.datasette_rows(entries)

    def missing(self) -> str | None:
        return None if programs.python_ready() else "its environment is missing: make bench-rivals"

    def running(self) -> AbstractContextManager[Server]:
        def command(port: int, folder: Path) -> Sequence[str]:
            rights = {"permissions": dict.fromkeys(("insert-row", "create-table"), True)}
            (folder / "datasette.json").write_text(json.dumps(rights))
            program = str(programs.PYTHON.with_name("datasette"))
            limits = ["--setting", "max_insert_rows", "20000", "--setting", "max_post_body_bytes", "33554432"]
            files = ["-c", "datasette.json", "--create", "logs.db"]
            return [program, "serve", *files, "--host", "127.0.0.1", "--port", str(port), *limits]

        return running(command, ready=lambda port: load.call(port, "GET", "/-/versions.json"))

    def room(self, port: int, name: str) -> str:
        columns = [{"name": column, "type": "text"} for column in ("timestamp", "message", "context")]
        body = json.dumps({"table": name, "columns": columns}).encode()
        load.call(port, "POST", "/logs/-/create", body, self.headers)
        return f"/logs/{name}/-/insert"

    def count(self, port: int, path: str) -> int:
        name = path.split("/")[2]
        answer = load.call(
            port, "GET", f"/logs/-/query.json?sql={quote(f'SELECT count(*) AS n FROM {name}')}"
        )
        return int(answer["rows"][0]["n"])


STORES: Sequence[Store] = (LogLeap(), BareStack(), FlaskAlone(), InfluxDB(), ClickHouse(), Datasette())


def _without(name: str) -> str | None:
    if programs.program(name) is None:
        return "its Debian package is not there: make bench-rivals"
    return None


def versions() -> Iterator[tuple[str, str]]:
    """The versions of what is there."""
    commands = {
        "InfluxDB": [str(programs.program("influxdb")), "version"],
        "datasette": [str(programs.PYTHON.with_name("datasette")), "--version"],
    }
    for store in STORES:
        if store.name in commands and store.missing() is None:
            yield store.name, _said(commands[store.name])
    if ClickHouse().missing() is None:
        yield "ClickHouse", programs.debian_version("clickhouse-server")
    if programs.python_ready():
        for name in ("duckdb", "gunicorn"):
            code = f"import importlib.metadata as m; print(m.version({name!r}))"
            yield name, _said([str(programs.PYTHON), "-c", code])


def _said(command: Sequence[str]) -> str:
    done = subprocess.run(command, env={**programs.libraries()}, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip().splitlines()[0]


@contextmanager
def started(stores: Sequence[Store]) -> Iterator[Mapping[str, Server]]:
    """All of them that can be started here, by name."""
    with ExitStack() as stack:
        yield {
            store.name: stack.enter_context(store.running()) for store in stores if store.missing() is None
        }
