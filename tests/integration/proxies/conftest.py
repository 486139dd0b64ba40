"""Debian's proxies in front of a real `logleap serve`, with the configurations of deploy/proxies/."""

import contextlib
import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import httpx2
import pytest

from tools.clients.programs import Program, apache, haproxy, nginx

DEPLOY = Path(__file__).parents[3] / "deploy/proxies"
PREFIX = "/logleap"
SECRET = "a-secret-for-tests"
KEY = f"k.{SECRET}"


class Proxied(NamedTuple):
    """A running proxy: its address, and the file for what it has to say."""

    url: str
    log: Path


StartProxy = Callable[..., contextlib.AbstractContextManager[Proxied]]


@contextlib.contextmanager
def _serving(**variables: str) -> Iterator[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOGLEAP_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "logleap.entrypoints.cli", "serve", "--backend", "memory", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**kept, **variables},
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split(" listens on ")[1].split()[0]
    finally:
        process.terminate()
        process.wait(timeout=30)
        process.stdout.close()


@pytest.fixture(scope="session")
def origin() -> Iterator[str]:
    """The address of a LogLeap that asks for keys and is served under a path."""
    key = f"k:anna:{hashlib.sha256(SECRET.encode()).hexdigest()}"
    with _serving(LOGLEAP_API_KEYS=key, LOGLEAP_PATH_PREFIX=PREFIX) as address:
        yield address


@pytest.fixture(scope="session")
def open_origin() -> Iterator[str]:
    """The address of a LogLeap that has no keys, and none of its settings changed."""
    with _serving() as address:
        yield address


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def _nginx(folder: Path, site: Path) -> tuple[Program | None, list[str]]:
    paths = "\n".join(
        f"    {name}_temp_path {folder}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "whole.conf"
    file.write_text(
        f"daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log {folder}/errors warn;\n"
        f"events {{}}\nhttp {{\n    access_log off;\n{paths}\n    include {site};\n}}\n"
    )
    return nginx(), ["-p", str(folder), "-e", str(folder / "errors"), "-c", str(file)]


def _haproxy(_: Path, site: Path) -> tuple[Program | None, list[str]]:
    return haproxy(), ["-db", "-f", str(site)]


def _apache(folder: Path, site: Path) -> tuple[Program | None, list[str]]:
    found = apache()
    if found is None:
        return None, []
    names = ("mpm_event", "authz_core", "proxy", "proxy_http", "headers")
    modules = "\n".join(f"LoadModule {name}_module {found.modules}/mod_{name}.so" for name in names)
    port = site.read_text().partition("<VirtualHost 127.0.0.1:")[2].partition(">")[0]
    file = folder / "whole.conf"
    file.write_text(
        f"ServerRoot {folder}\nServerName localhost\nListen 127.0.0.1:{port}\nPidFile {folder}/pid\n"
        f"DefaultRuntimeDir {folder}\nErrorLog {folder}/errors\n{modules}\nInclude {site}\n"
    )
    return found.program, ["-f", str(file), "-D", "FOREGROUND"]


NO_CHANGES: Mapping[str, str] = MappingProxyType({})
STARTS: Mapping[str, tuple[str, Any]] = {
    "nginx": ("nginx.conf", _nginx),
    "haproxy": ("haproxy.cfg", _haproxy),
    "apache": ("apache.conf", _apache),
}


@pytest.fixture(scope="session")
def start_proxy(tmp_path_factory: pytest.TempPathFactory) -> StartProxy:
    """Starts one of them in front of an address; `instead` changes its configuration."""

    @contextlib.contextmanager
    def started(name: str, origin: str, instead: Mapping[str, str] = NO_CHANGES) -> Iterator[Proxied]:
        folder = tmp_path_factory.mktemp(name)
        file, arguments_for = STARTS[name]
        port = _free_port()
        text = (DEPLOY / file).read_text(encoding="utf-8")
        bound = {"nginx": "listen 80", "haproxy": "*:80", "apache": "*:80"}[name]
        changes = {
            **instead,
            "127.0.0.1:8080": origin.removeprefix("http://"),
            bound: bound.replace("*:80", f"127.0.0.1:{port}").replace(" 80", f" 127.0.0.1:{port}"),
        }
        for there, here in changes.items():
            assert there in text, f"{file} does not say {there!r}"
            text = text.replace(there, here)
        site = folder / file
        site.write_text(text, encoding="utf-8")
        program, arguments = arguments_for(folder, site)
        if program is None:
            if os.environ.get("CI") == "true":
                pytest.fail(f"CI needs {name}, which make clients could not get.")
            pytest.skip(f"{name} is not here: try make clients")
        said = folder / "said"
        with said.open("wb") as output:
            process = subprocess.Popen(
                [*program.command, *arguments],
                env={**os.environ, **program.environment},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            deadline = time.monotonic() + 20
            while True:
                assert process.poll() is None, said.read_text() + "".join(
                    path.read_text() for path in folder.glob("errors")
                )
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                assert time.monotonic() < deadline, said.read_text()
                time.sleep(0.02)
            yield Proxied(f"http://127.0.0.1:{port}", folder / "errors")
        finally:
            process.terminate()
            process.wait(timeout=30)

    return started


@pytest.fixture(scope="module", params=list(STARTS))
def proxied(request: pytest.FixtureRequest, start_proxy: StartProxy, origin: str) -> Iterator[Proxied]:
    """Each proxy as configured in deploy/proxies/."""
    with start_proxy(request.param, origin) as running:
        yield running


@pytest.fixture(scope="session")
def api_key() -> str:
    return KEY


@pytest.fixture(scope="module")
def http(proxied: Proxied) -> Iterator[httpx2.Client]:
    """A client of LogLeap by way of the proxy."""
    with httpx2.Client(
        base_url=proxied.url, headers={"X-API-Key": KEY}, timeout=60, trust_env=False
    ) as client:
        yield client
