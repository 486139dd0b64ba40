"""What was acknowledged is in the training set exactly once, whatever is done to the use cases."""

from collections.abc import Callable

import pytest

from tools.faults.archive_delete_scenarios import archive_delete_scenarios
from tools.faults.harness import Harness
from tools.faults.scenarios import fixed_scenarios, race, unreliable_queue

MakeHarness = Callable[[], Harness]
SCENARIOS = {**fixed_scenarios(), **archive_delete_scenarios()}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_promise_is_kept_under(scenario: str, make_harness: MakeHarness) -> None:
    harness = make_harness()
    SCENARIOS[scenario](harness)
    findings = harness.check()
    assert findings.kinds == set(), str(findings)
    assert harness.runs(), "nothing was trained: the scenario proved nothing"


@pytest.mark.parametrize("seed", range(10))
def test_the_promise_is_kept_while_clients_and_workers_race(seed: int, make_harness: MakeHarness) -> None:
    harness = make_harness()
    race(seed)(harness)
    findings = harness.check()
    assert findings.kinds == set(), str(findings)
    assert harness.history.tally()["starts ok"] > 0


@pytest.mark.parametrize("seed", range(10))
def test_the_promise_is_kept_on_an_unreliable_queue(seed: int, make_harness: MakeHarness) -> None:
    harness = make_harness()
    unreliable_queue(seed)(harness)
    findings = harness.check()
    assert findings.kinds == set(), str(findings)
    assert all(run.result is not None for run in harness.runs())
