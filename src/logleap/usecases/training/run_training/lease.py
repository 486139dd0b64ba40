"""The lease under which a worker carries out a run."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from logleap.domain.errors import InvalidTransition
from logleap.domain.runs import Run, RunState
from logleap.ports.errors import Conflict
from logleap.ports.runs import RunRepository
from logleap.usecases.types import Clock


@dataclass(slots=True)
class Lease:
    """A claim of this worker on a run, valid for `length` from the last renewal."""

    run: Run
    runs: RunRepository
    now: Clock
    length: timedelta

    def held(self) -> bool:
        """Whether this worker still has the run, which is then as it is stored now. Raises Unavailable."""
        return self._take(self.runs.get(self.run.dataset_id, self.run.run_id))

    def save(self, change: Callable[[Run], Run], write: Callable[[Run], None]) -> bool:
        """Write the changed run; False if another worker holds the run by now or it has ended.

        A conflict may stem from an earlier write of this worker whose answer was lost: the fence decides.
        """
        while True:
            following = change(self.run)
            try:
                write(following)
            except (Conflict, InvalidTransition):
                stored = self.runs.get(self.run.dataset_id, self.run.run_id)
                if stored != following:
                    if not self._take(stored):
                        return False
                    continue
            self.run = following
            return True

    def renew(self) -> bool:
        """Extend the lease to `length` from now; False if it was lost."""
        return self.save(lambda run: run.renewed(self.now(), self.length), self.runs.save)

    def _take(self, stored: Run | None) -> bool:
        """Go on from the run as it is stored, if it is still this worker's."""
        if stored is None or stored.fence != self.run.fence or stored.state is not RunState.RUNNING:
            return False
        self.run = stored
        return True
