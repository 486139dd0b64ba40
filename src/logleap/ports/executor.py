"""Where a task runs: in a thread of the worker's process, or in a process of its own."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TypeAlias

from logleap.domain.artifacts import Artifact
from logleap.domain.datasets import Archive
from logleap.domain.log_models import Baseline
from logleap.domain.runs import JsonObject, RunError


@dataclass(frozen=True, slots=True)
class TaskJob:
    """One attempt at a run: its task, and what the task's TrainingContext and training set are made of.

    `entries` is how many were acknowledged; `archive` is where they are, if not in the store;
    `baseline` is the log model that the task is given.
    """

    owner: str
    dataset_id: str
    run_id: str
    task: str
    parameters: JsonObject
    attempt: int
    entries: int
    archive: Archive | None
    baseline: Baseline | None = None


@dataclass(frozen=True, slots=True)
class TaskSucceeded:
    """The task returned a result that can be stored, after it had saved these artifacts."""

    result: JsonObject
    artifacts: tuple[Artifact, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskEnded:
    """The task failed in a way that another attempt would not change: the run fails with `error`."""

    error: RunError


@dataclass(frozen=True, slots=True)
class TaskInterrupted:
    """The attempt ended for a reason that may pass. `voluntary`: the task itself raised TryAgain."""

    reason: str
    voluntary: bool = False


TaskOutcome: TypeAlias = TaskSucceeded | TaskEnded | TaskInterrupted


class TaskExecution(ABC):
    """A task under way. The calls are made by one thread; none of them raises."""

    @abstractmethod
    def wait(self, seconds: float) -> bool:
        """Wait until the task has ended, for `seconds` at most. Whether it has."""

    @abstractmethod
    def outcome(self) -> TaskOutcome:
        """What it came to, once it has ended."""

    @abstractmethod
    def stop(self) -> None:
        """Ask the task to stop: its `stopping()` is true from now on. May be called again."""

    @abstractmethod
    def abandon(self) -> None:
        """End the task by force; where that is impossible, ask it to stop and leave it to itself.

        Its outcome does not count any more. May be called again, also of a task that has ended.
        """


class TaskExecutor(ABC):
    """Starts tasks. Any number may run at once."""

    @abstractmethod
    def start(self, job: TaskJob) -> TaskExecution:
        """Start the job's task. It sees a copy of the job's parameters. Raises Unavailable."""

    def prepare(self) -> None:  # noqa: B027 -- few have anything to prepare
        """Get ready, so that the first task starts quickly. A worker calls it when it begins."""
