"""The checkout's packages beside `logleap`, which are never installed."""

from importlib.metadata import packages_distributions

import benchmarks
import tools


def test_no_installed_package_takes_the_names_of_tools_and_benchmarks() -> None:
    assert {tools.__name__, benchmarks.__name__}.isdisjoint(packages_distributions())
