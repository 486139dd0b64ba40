"""Carry out a training run: claim it, run its task, store the result once."""

from logleap.usecases.run_training.failing import attempts_exhausted, fail_run
from logleap.usecases.run_training.settlement import Disposition, Settlement
from logleap.usecases.run_training.use_case import RunTraining

__all__ = ["Disposition", "RunTraining", "Settlement", "attempts_exhausted", "fail_run"]
