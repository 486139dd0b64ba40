"""One step of a sweep for one data set, of which the others are independent."""

import logging
from collections.abc import Callable
from contextlib import suppress

from logleap.domain.datasets import Dataset
from logleap.domain.errors import DatasetNotFound, InvalidTransition
from logleap.ports.archive import ArchiveDamaged
from logleap.ports.datasets import DatasetRepository
from logleap.ports.errors import Conflict, CountMismatch, Unavailable

log = logging.getLogger(__name__)


def attempt(datasets: DatasetRepository, dataset: Dataset, step: Callable[[], bool]) -> bool:
    """What the step answers; False if it cannot be made for this data set now, which is logged.

    Raises Unavailable if all data sets are.
    """
    try:
        return step()
    except (Conflict, DatasetNotFound, InvalidTransition):
        return False  # it has changed meanwhile, or somebody else does it
    except (CountMismatch, ArchiveDamaged) as error:
        # All its rows are still in the store; an operator has to investigate.
        log.error("data set %s cannot be archived: %s", dataset.dataset_id, error)
        return False
    except Unavailable as error:
        # Perhaps only this data set's archive: the others have their turn all the same.
        log.warning("could not finish data set %s (%s): %s", dataset.dataset_id, dataset.state, error)
        with suppress(DatasetNotFound):
            datasets.get(dataset.owner, dataset.dataset_id)  # raises if all are unavailable
        return False
