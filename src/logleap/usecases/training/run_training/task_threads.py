"""Tasks in threads of the worker's process, for backends that a process of its own cannot open."""

import threading
from contextvars import copy_context
from dataclasses import dataclass

from logleap.ports.executor import TaskExecution, TaskExecutor, TaskInterrupted, TaskJob, TaskOutcome
from logleap.usecases.training.run_training.execute_task import ExecuteTask


@dataclass(frozen=True, slots=True)
class TaskThreads(TaskExecutor):
    """Starts each task in a thread. One that does not stop is left behind: it cannot store anything."""

    execute: ExecuteTask

    def start(self, job: TaskJob) -> TaskExecution:
        """Start the job's task in a thread."""
        execution = _TaskThread(self.execute, job)
        execution.thread.start()
        return execution


class _TaskThread(TaskExecution):
    def __init__(self, execute: ExecuteTask, job: TaskJob) -> None:
        self._execute = execute
        self._job = job
        self._ended = threading.Event()
        self._stopping = threading.Event()
        self._outcome: TaskOutcome = TaskInterrupted("its thread ended without an outcome")
        self._scope = copy_context()  # the run's ids for log lines, and its span
        self.thread = threading.Thread(target=self._run, name=f"run-{job.run_id}", daemon=True)

    def wait(self, seconds: float) -> bool:
        return self._ended.wait(seconds)

    def outcome(self) -> TaskOutcome:
        return self._outcome

    def stop(self) -> None:
        self._stopping.set()

    def abandon(self) -> None:
        self._stopping.set()

    def _run(self) -> None:
        try:
            self._outcome = self._scope.run(self._execute, self._job, self._stopping.is_set)
        finally:
            self._ended.set()
