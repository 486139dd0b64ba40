"""What is told to install a missing extra is fit to how LogLeap was installed."""

import importlib
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from logleap.extras import ExtraMissing, install_command, needing


def installed(folder: Path, monkeypatch: pytest.MonkeyPatch, origin: dict[str, Any] | None) -> None:
    """As if LogLeap was installed from there: with the record that installers leave of it (PEP 610)."""
    record = folder / "logleap-0.0.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.4\nName: logleap\nVersion: 0.0.0\n")
    if origin is not None:
        (record / "direct_url.json").write_text(json.dumps(origin))
    monkeypatch.setattr(sys, "path", [str(folder)])


def test_from_a_checkout_it_is_the_checkouts_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = tmp_path / "my projects" / "logleap"
    checkout.mkdir(parents=True)
    installed(tmp_path, monkeypatch, {"url": checkout.as_uri(), "dir_info": {"editable": True}})
    assert shlex.split(install_command("gcp")) == ["pip", "install", f"{checkout}[gcp]"]


def test_from_a_wheel_it_is_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = tmp_path / "logleap-0.1.0-py3-none-any.whl"
    wheel.touch()
    installed(tmp_path, monkeypatch, {"url": wheel.as_uri(), "archive_info": {}})
    assert install_command("server") == f"pip install '{wheel}[server]'"


def test_a_wheel_that_is_gone_is_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path, monkeypatch, {"url": (tmp_path / "gone.whl").as_uri(), "archive_info": {}})
    assert install_command("server") == "pip install './[server]'"


def test_from_a_repository_it_is_the_same_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vcs = {"vcs": "git", "commit_id": "0123abc"}
    installed(tmp_path, monkeypatch, {"url": "https://git.example/logleap.git", "vcs_info": vcs})
    assert install_command("otel") == (
        "pip install 'logleap[otel] @ git+https://git.example/logleap.git@0123abc'"
    )


def test_from_a_download_it_is_the_same_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path, monkeypatch, {"url": "https://files.example/logleap.whl", "archive_info": {}})
    assert install_command("redis") == "pip install 'logleap[redis] @ https://files.example/logleap.whl'"


def test_from_an_index_it_is_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path, monkeypatch, None)
    assert install_command("archive") == "pip install 'logleap[archive]'"


def test_sources_that_are_not_installed_are_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert install_command("gcp") == "pip install './[gcp]'"


def test_a_missing_library_is_named_with_the_command() -> None:
    said = r"^The lamp needs no_such_library, .* pip install '.*\[otel\]'$"
    with pytest.raises(ExtraMissing, match=said), needing("otel", "The lamp"):
        importlib.import_module("no_such_library.inside")


def test_a_missing_module_of_logleap_itself_is_an_error_of_ours() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"), needing("server", "The lamp"):
        importlib.import_module("logleap.no_such_module")
