"""The wheel and the sdist, built as for a release and installed into empty environments: the client alone,
and the server with and without a C compiler.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
UV = Path(sys.executable).with_name("uv")
LOCK = ROOT / "requirements" / "dev.txt"  # what is installed here, so no other versions are downloaded
NO_COMPILER = {"CC": "/bin/false"}
NOT_SHIPPED = shutil.ignore_patterns(".*", "build", "dist", "__pycache__", "*.egg-info", "*.so", "htmlcov")
UNREACHABLE = re.compile(r"Failed to fetch|Could not connect|error sending request|dns error|offline", re.I)

ENTRIES = [{"timestamp": f"2026-03-02T06:00:0{number}Z", "message": f"line {number}"} for number in range(5)]

IMPORT_CLIENT = """
import importlib, pkgutil
import logleap, logleap.client, logleap.handler, logleap.ports.task
for module in pkgutil.walk_packages(logleap.client.__path__, "logleap.client."):
    importlib.import_module(module.name)
print(logleap.__file__)
"""

LOG = """
import logging, sys
from logleap.handler import LogLeapHandler
handler = LogLeapHandler(sys.argv[1], sys.argv[2])
logging.getLogger().addHandler(handler)
for number in range(3):
    logging.error("logged %d", number)
handler.flush()
print(handler.sent)
"""


@dataclass(frozen=True)
class Distributions:
    wheel: Path
    sdist: Path


@dataclass(frozen=True)
class Environment:
    """A virtual environment with LogLeap in it. Its programs know nothing of the checkout."""

    folder: Path

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    @property
    def logleap(self) -> str:
        return str(self.folder / "bin" / "logleap")

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command, cwd=self.folder, env=clean(), capture_output=True, text=True, timeout=60, check=False
        )

    def output(self, *command: str) -> str:
        done = self.run(*command)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def distributions(self) -> set[str]:
        found = self.output(str(UV), "pip", "list", "--format", "json", "--python", self.python)
        return {package["name"] for package in json.loads(found)}

    @contextmanager
    def serving(self) -> Iterator[str]:
        """`logleap serve` on a free port; its URL."""
        process = subprocess.Popen(
            [self.logleap, "serve", "--backend", "memory", "--port", "0"],
            cwd=self.folder,
            env=clean(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert process.stdout is not None
            yield process.stdout.readline().partition(" listens on ")[2].split()[0]
        finally:
            process.terminate()
            process.communicate(timeout=30)


def clean(**more: str) -> dict[str, str]:
    """This process's environment, without what would lead a program to the checkout."""
    ours = ("PYTHON", "LOGLEAP_", "COVERAGE_", "VIRTUAL_ENV", "CC")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {"UV_SYSTEM_CERTS": "true", "UV_PYTHON_DOWNLOADS": "never", **kept, **more}


def install(folder: Path, requirement: str, **variables: str) -> Environment:
    """A new environment in `folder` with `requirement` in it, from the package registry or uv's cache."""
    constraints = ["--constraint", str(LOCK), "--build-constraint", str(LOCK)]
    commands: Sequence[Sequence[str]] = (
        ["venv", "--quiet", "--python", sys.executable, str(folder)],
        ["pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *constraints, requirement],
    )
    for command in commands:
        done = subprocess.run(
            [UV, *command], env=clean(**variables), capture_output=True, text=True, check=False
        )
        if done.returncode != 0 and UNREACHABLE.search(done.stderr) and os.environ.get("CI") != "true":
            pytest.skip(f"the package registry is not reachable: {done.stderr.strip().splitlines()[-1]}")
        assert done.returncode == 0, done.stderr
    return Environment(folder)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    """The sdist, and the wheel that is built from it, of a copy of the checkout."""
    folder = tmp_path_factory.mktemp("built")
    shutil.copytree(ROOT, folder / "sources", ignore=NOT_SHIPPED)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", "dist", "sources"]
    done = subprocess.run(command, cwd=folder, env=clean(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,), (sdist,) = folder.glob("dist/*.whl"), folder.glob("dist/*.tar.gz")
    return Distributions(wheel, sdist)


@pytest.fixture(scope="module")
def client(built: Distributions, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return install(tmp_path_factory.mktemp("client") / "venv", str(built.wheel))


@pytest.fixture(scope="module")
def server(client: Environment, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Installed as a client without a server says it is."""
    command = shlex.split(client.run(client.logleap, "serve").stderr.partition("Install it with: ")[2])
    assert command[:2] == ["pip", "install"]
    return install(tmp_path_factory.mktemp("server") / "venv", *command[2:])


@pytest.fixture(scope="module")
def server_without_compiler(built: Distributions, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return install(tmp_path_factory.mktemp("uncompiled") / "venv", f"{built.sdist}[server]", **NO_COMPILER)


def package_files() -> set[Path]:
    package = ROOT / "src" / "logleap"
    return {path.relative_to(package.parent) for path in package.rglob("*") if path.is_file()}


def shipped_files() -> set[str]:
    """What of the package is no Python and no C: all of it is read at run time, or by type checkers."""
    others = (".py", ".pyc", ".c", ".h", ".so", ".pyd")
    return {str(path) for path in package_files() if path.suffix not in others}


def test_the_wheel_holds_the_package_with_all_of_its_files_and_nothing_else(built: Distributions) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        files = set(wheel.namelist())
    assert {"logleap/client/sample/dotnet-app.log", "logleap/py.typed"} <= shipped_files() <= files
    assert all(name.startswith(("logleap/", "logleap-")) for name in files)
    assert not any(name.endswith((".c", ".h")) for name in files)


def test_the_sdist_holds_what_the_wheel_is_built_of_and_no_tests(built: Distributions) -> None:
    with tarfile.open(built.sdist) as sdist:
        files = {name.partition("/")[2] for name in sdist.getnames()}
    assert {f"src/{name}" for name in shipped_files()} <= files
    assert {f"src/{path}" for path in package_files() if path.suffix in (".c", ".h")} <= files
    assert {"pyproject.toml", "README.md", "LICENSE"} <= files
    assert {name.partition("/")[0] for name in files} == {
        *("", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml", "setup.cfg", "src")
    }


def test_a_client_gets_no_library_of_the_server(client: Environment) -> None:
    wanted = {re.split(r"[^\w.-]", line)[0] for line in PROJECT["optional-dependencies"]["server"]}
    found = client.distributions()
    assert {"httpx2", "msgspec", "click"} <= found
    assert found.isdisjoint({name.replace(".", "-") for name in wanted})
    client.output(str(UV), "pip", "check", "--python", client.python)


def test_a_client_finds_its_modules_in_its_own_environment(client: Environment) -> None:
    assert Path(client.output(client.python, "-c", IMPORT_CLIENT)).is_relative_to(client.folder)
    assert "  push " in client.output(client.logleap, "--help")
    assert client.output(client.logleap, "--version") == f"logleap {PROJECT['version']}"


@pytest.mark.parametrize(
    "command",
    ["serve", "worker", "sweep", "demo", "keys list", "gcp check"],
)
def test_a_command_of_the_server_says_in_a_line_how_to_install_it(
    command: str, client: Environment, built: Distributions
) -> None:
    done = client.run(client.logleap, *command.split())
    assert done.returncode == 2
    assert re.fullmatch(
        rf"logleap: This command needs \w+, which is not installed. "
        rf"Install it with: pip install '{re.escape(str(built.wheel))}\[server\]'\n",
        done.stderr,
    )


def test_what_a_client_uploads_to_an_installed_server_is_trained_on(
    client: Environment, server: Environment
) -> None:
    assert _trained(client, server) == 8


def test_an_sdist_installs_without_a_compiler_and_serves_all_the_same(
    client: Environment, server_without_compiler: Environment
) -> None:
    assert not _compiled(server_without_compiler)
    assert _trained(client, server_without_compiler) == 8


def test_a_wheel_that_was_built_with_a_compiler_has_the_readers_in_c(
    built: Distributions, server: Environment
) -> None:
    compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")[0]
    if shutil.which(compiler) is None and os.environ.get("CI") != "true":
        pytest.skip(f"there is no C compiler here: {compiler}")
    assert _compiled(server)
    with zipfile.ZipFile(built.wheel) as wheel:
        files = wheel.namelist()
    compiled = {name.partition(".")[0] for name in files if name.endswith((".so", ".pyd"))}
    assert compiled == {str(path.with_suffix("")) for path in package_files() if path.suffix == ".c"}


def _compiled(environment: Environment) -> bool:
    code = "from logleap.codecs.json.fast import COMPILED; print(COMPILED)"
    return environment.output(environment.python, "-c", code) == "True"


def _looks(address: str) -> bool:
    """Whether there is a page of the console, with its stylesheet."""
    with urlopen(address) as answer:
        page = answer.read().decode()
    stylesheet = re.search('rel="stylesheet" href="([^"]*)"', page)
    assert stylesheet
    with urlopen(urljoin(address, stylesheet[1])) as answer:
        return b"prefers-color-scheme: dark" in answer.read()


def _trained(client: Environment, server: Environment) -> int:
    """How many entries a training counts, of five that are pushed and three that are logged."""
    file = client.folder / "app.ndjson"
    file.write_text("".join(json.dumps(entry) + "\n" for entry in ENTRIES))
    with server.serving() as url:
        pushed = json.loads(client.output(client.logleap, "push", str(file), "--json", "--url", url))
        assert pushed["accepted"] == len(ENTRIES)
        data_id = pushed["dataId"]
        assert client.output(client.python, "-c", LOG, url, data_id) == "3"
        done = json.loads(client.output(client.logleap, "train", data_id, "--wait", "--json", "--url", url))
        assert client.output(client.logleap, "status", data_id, "--url", url).startswith(data_id)
        assert _looks(f"{url}/console/data/{data_id}")
    counted: int = done["run"]["result"]["entries"]
    return counted
