"""The grid: a port has one file name in `ports`, in every backend and among the contract suites."""

from collections.abc import Iterable
from pathlib import Path

import pytest

import logleap
from logleap.backends import BUILT_IN

PACKAGE = Path(logleap.__file__).parent
CONTRACTS = Path(__file__).parent.parent / "contracts"

NO_ADAPTER = {"task", "executor", "errors"}  # of `ports`: no part of a backend
NO_PORT = {"memory": {"database"}}  # of a backend: what its adapters share, where it is no folder


def modules(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.py")} - {"__init__"}


PORTS = modules(PACKAGE / "ports") - NO_ADAPTER


def test_there_are_ports() -> None:
    assert {"datasets", "entries", "receipts", "runs", "queue", "archive", "keys"} <= PORTS


@pytest.mark.parametrize("backend", BUILT_IN)
def test_a_backend_has_a_file_per_port_and_its_machinery_in_folders(backend: str) -> None:
    assert modules(PACKAGE / "adapters" / backend) - NO_PORT.get(backend, set()) == PORTS


def test_every_port_has_a_contract_suite_that_runs() -> None:
    suites = modules(PACKAGE / "testing" / "contracts")
    assert suites == PORTS | {"reports", "selections"}
    assert without_prefix(modules(CONTRACTS)) == suites


def without_prefix(names: Iterable[str]) -> set[str]:
    return {name.removeprefix("test_") for name in names if name.startswith("test_")}
