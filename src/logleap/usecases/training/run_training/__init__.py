"""Carry out a training run: claim it, run its task, store the result once."""

from logleap.usecases.training.run_training.execute_task import ExecuteTask
from logleap.usecases.training.run_training.failing import end_run
from logleap.usecases.training.run_training.settlement import Disposition, Settlement
from logleap.usecases.training.run_training.task_threads import TaskThreads
from logleap.usecases.training.run_training.use_case import RunTraining

__all__ = ["Disposition", "ExecuteTask", "RunTraining", "Settlement", "TaskThreads", "end_run"]
