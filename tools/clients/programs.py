"""Gets the log clients, proxies and browser of the tests, and spin, where they are missing.

    python -m tools.clients.programs

They come into `.venv-clients/`: npm packages come at the versions and hashes of
`package-lock.json`, without running their scripts, Debian's unpacked and not installed. What cannot be had is
left out, which this says; the tests that need it skip (with CI=true they fail).
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tools.environments import debian

_HERE = Path(__file__).parent

_NPM_FILES = ("package.json", "package-lock.json", ".npmrc")
FOLDER = _HERE.parents[1] / ".venv-clients"
_NPM = FOLDER / "npm"
_STAMP = _NPM / "made-from"
_DEBIAN = FOLDER / "debian"
_PACKAGES = ("syslog-ng-core", "syslog-ng-mod-http")
_OTHERS = FOLDER / "debian-others"
_OTHER_PACKAGES = (
    "rsyslog",
    "systemd",
    "systemd-journal-remote",
)  # apt takes only one syslog daemon at a time
_LOG4J = FOLDER / "debian-log4j"
_LOG4J_JARS = ("log4j-api.jar", "log4j-core.jar")
_PROXIES = FOLDER / "debian-proxies"
_PROXY_PACKAGES = ("nginx", "haproxy", "apache2-bin")
_PROMETHEUS = FOLDER / "debian-prometheus"
_SPIN = FOLDER / "spin"
_BROWSER = FOLDER / "browser"
_BROWSER_PACKAGES = ("chromium-headless-shell", "fonts-liberation")
_FONTS = _BROWSER / "fonts.conf"
_FONTS_CONTENT = """<?xml version="1.0"?>
<fontconfig>
  <dir prefix="relative">usr/share/fonts</dir>
  <cachedir>{cache}</cachedir>
  <match>
    <test name="family" qual="all" compare="not_eq"><string>monospace</string></test>
    <edit name="family" mode="append_last"><string>Liberation Sans</string></edit>
  </match>
  <match>
    <test name="family"><string>monospace</string></test>
    <edit name="family" mode="prepend" binding="strong"><string>Liberation Mono</string></edit>
  </match>
</fontconfig>
"""  # the system may have none, and without any font chromium ends
_SYSTEM = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"


class Program(NamedTuple):
    """How to start a program: the command's beginning, and what its environment needs."""

    command: tuple[str, ...]
    environment: Mapping[str, str]


def npm_environment() -> Mapping[str, str] | None:
    """The environment in which node finds the packages, the shell their programs; None: there are none."""
    if shutil.which("node") is None or not _STAMP.exists() or _STAMP.read_text() != _npm_hash():
        return None
    modules = _NPM / "node_modules"
    return {"NODE_PATH": str(modules), "PATH": f"{modules / '.bin'}:{_SYSTEM}"}


def syslog_ng() -> Program | None:
    """syslog-ng with its HTTP destination: the system's, or the unpacked one; None: there is neither."""
    installed = shutil.which("syslog-ng", path=_SYSTEM)
    if installed is not None and _has_http(Program((installed,), {})):
        return Program((installed,), {})
    unpacked = _unpacked_syslog_ng()
    return unpacked if unpacked is not None and _has_http(unpacked) else None


def _unpacked_syslog_ng() -> Program | None:
    for module in _DEBIAN.glob("usr/lib/syslog-ng/*/libhttp.so"):
        program = str(_DEBIAN / "usr/sbin/syslog-ng")
        return Program((program, f"--module-path={module.parent}"), debian.libraries(_DEBIAN))
    return None


def rsyslog() -> Program | None:
    """rsyslogd with its modules: the system's, or the unpacked one; None: there is neither."""
    installed = shutil.which("rsyslogd", path=_SYSTEM)
    if installed is not None:
        return Program((installed,), {})
    for module in _OTHERS.glob("usr/lib/*/rsyslog/imtcp.so"):
        program = str(_OTHERS / "usr/sbin/rsyslogd")
        return Program((program, "-M", str(module.parent)), debian.libraries(_OTHERS))
    return None


def log4j() -> Program | None:
    """Java with Log4j 2, to run a source file with; None: there is none, or no compiler."""
    if shutil.which("java") is None or shutil.which("javac") is None:
        return None
    for root in (Path("/"), _LOG4J):
        jars = [root / "usr/share/java" / name for name in _LOG4J_JARS]
        if all(jar.exists() for jar in jars):
            return Program(("java", "-cp", ":".join(map(str, jars))), {})
    return None


def nginx() -> Program | None:
    """The system's, or the unpacked one; None: there is neither."""
    return _proxy("nginx", "usr/sbin/nginx")


def haproxy() -> Program | None:
    """The system's, or the unpacked one; None: there is neither."""
    return _proxy("haproxy", "usr/sbin/haproxy")


class Apache(NamedTuple):
    """How to start Apache's server, and where its modules are."""

    program: Program
    modules: Path


def apache() -> Apache | None:
    """The system's, or the unpacked one; None: there is neither."""
    program = _proxy("apache2", "usr/sbin/apache2")
    for root in (Path("/"), _PROXIES):
        modules = root / "usr/lib/apache2/modules"
        if program is not None and (modules / "mod_proxy_http.so").exists():
            return Apache(program, modules)
    return None


def _proxy(name: str, unpacked: str) -> Program | None:
    installed = shutil.which(name, path=_SYSTEM)
    if installed is not None:
        return Program((installed,), {})
    program = _PROXIES / unpacked
    return Program((str(program),), debian.libraries(_PROXIES)) if program.exists() else None


class Journal(NamedTuple):
    """systemd's programs that make a journal of its export format, and that show one."""

    writer: Program
    reader: Program


def journal() -> Journal | None:
    """Both, the system's or the unpacked ones; None: there are none."""
    for root in (Path("/"), _OTHERS):
        environment = {} if root == Path("/") else debian.libraries(root)
        reader = next(
            (found for name in ("usr/bin", "bin") if (found := root / name / "journalctl").exists()), None
        )
        for folder in ("usr/lib/systemd", "lib/systemd"):
            writer = root / folder / "systemd-journal-remote"
            if reader is not None and writer.exists():
                return Journal(Program((str(writer),), environment), Program((str(reader),), environment))
    return None


def systemd_analyze() -> Program | None:
    """What checks units: the system's, or the unpacked one; None: there is neither."""
    installed = shutil.which("systemd-analyze")
    if installed is not None:
        return Program((installed,), {})
    unpacked = _OTHERS / "usr/bin/systemd-analyze"
    return Program((str(unpacked),), debian.libraries(_OTHERS)) if unpacked.exists() else None


def promtool() -> Program | None:
    """Prometheus' checker of rules: the system's, or the unpacked one; None: there is neither."""
    for candidate in (shutil.which("promtool"), str(_PROMETHEUS / "usr/bin/promtool")):
        if candidate is not None and Path(candidate).exists():
            return Program((candidate,), {})
    return None


def _has_http(program: Program) -> bool:
    done = subprocess.run(
        [*program.command, "--module-registry"],
        env={**os.environ, **program.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return "Module: http\n" in done.stdout


def spin() -> Program | None:
    """The model checker: the system's, or the unpacked one; None: there is neither."""
    for candidate in (shutil.which("spin"), str(_SPIN / "usr/bin/spin")):
        if candidate is not None and _is_spin(candidate):
            return Program((candidate,), {})
    return None


def browser() -> Program | None:
    """Chromium: the system's, or the unpacked one without windows; None: there is neither."""
    installed = shutil.which("chromium")
    if installed is not None:
        return Program((installed,), {})
    unpacked = _BROWSER / "usr/lib/chromium/chromium-headless-shell"
    if not (unpacked.exists() and _FONTS.exists()):
        return None
    return Program((str(unpacked),), {**debian.libraries(_BROWSER), "FONTCONFIG_FILE": str(_FONTS)})


def axe() -> Path | None:
    """axe-core's script, which finds what shuts people out of a page; None: it is missing."""
    return _NPM / "node_modules/axe-core/axe.min.js" if npm_environment() is not None else None


def _is_spin(program: str) -> bool:
    try:
        done = subprocess.run([program, "-V"], capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.startswith("Spin Version")


def _npm_hash() -> str:
    return hashlib.sha256(b"".join((_HERE / name).read_bytes() for name in _NPM_FILES)).hexdigest()


def _install_npm_packages() -> str | None:
    """Why they could not be installed, if so."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return "the npm packages are left out: there is no Node.js with npm here"
    _NPM.mkdir(parents=True, exist_ok=True)
    for name in _NPM_FILES:
        shutil.copy(_HERE / name, _NPM)
    done = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--omit=optional", "--loglevel=error"],
        cwd=_NPM,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        return f"the npm packages are left out, as npm failed: {debian.last_line(done)}"
    _STAMP.write_text(_npm_hash())
    return None


def _unpack(packages: Sequence[str], folder: Path) -> str | None:
    """Why they could not be fetched, if so."""
    reason = debian.unpack(packages, folder)
    if reason is None:
        return None
    return f"{', '.join(packages)}: left out, as not all of them are installed, and {reason}"


def _unpack_browser() -> str | None:
    """Why it could not be fetched, if so."""
    failure = _unpack(_BROWSER_PACKAGES, _BROWSER)
    if failure is None:
        _FONTS.write_text(_FONTS_CONTENT.format(cache=_BROWSER / "cache"), encoding="utf-8")
    return failure


def _main() -> int:
    failures = [
        _install_npm_packages() if npm_environment() is None else None,
        _unpack(_PACKAGES, _DEBIAN) if syslog_ng() is None else None,
        _unpack(_OTHER_PACKAGES, _OTHERS) if None in (rsyslog(), journal(), systemd_analyze()) else None,
        _unpack(_PROXY_PACKAGES, _PROXIES) if None in (nginx(), haproxy(), apache()) else None,
        _unpack(("liblog4j2-java",), _LOG4J) if log4j() is None and shutil.which("javac") else None,
        _unpack(("spin",), _SPIN) if spin() is None else None,
        _unpack_browser() if browser() is None else None,
        _unpack(("prometheus",), _PROMETHEUS) if promtool() is None else None,
    ]
    for failure in filter(None, failures):
        print(failure, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(_main())
