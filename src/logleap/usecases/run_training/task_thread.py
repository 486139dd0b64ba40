"""The thread in which a task runs."""

import threading
from contextvars import copy_context

from logleap.domain.runs import JsonObject
from logleap.ports.task import TrainingContext, TrainingTask
from logleap.usecases.run_training.task_result import checked_result


class TaskThread(threading.Thread):
    """Runs a task, in a thread that the worker can abandon when its time is up."""

    def __init__(self, task: TrainingTask, context: TrainingContext) -> None:
        super().__init__(name=f"run-{context.run_id}", daemon=True)
        self._task = task
        self._context = context
        self.ended = threading.Event()
        self.result: JsonObject | None = None
        self.error: BaseException | None = None
        self._scope = copy_context()  # the run's ids for log lines, and its span

    def run(self) -> None:
        """Check the count, run the task, check its result. `error` keeps an exception raised on the way."""
        self._scope.run(self._run_task)

    def _run_task(self) -> None:
        try:
            self._context.training_set.count()
            self.result = checked_result(self._task(self._context))
        except BaseException as error:  # noqa: BLE001 -- judged in the worker's own thread
            self.error = error
        finally:
            self.ended.set()
