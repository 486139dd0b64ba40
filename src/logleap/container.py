"""The one place that puts the parts together."""

import logging
import random
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from dependency_injector import containers, providers
from opentelemetry.trace import Tracer, TracerProvider

from logleap.backends import (
    Backend,
    Capabilities,
    capabilities_of,
    in_the_clear,
    open_backend,
    open_receiver,
)
from logleap.codecs.compression import compress_zstd, unzstd
from logleap.miner.text.mask import Masks
from logleap.ports.executor import TaskExecutor
from logleap.ports.task import TrainingTask
from logleap.settings import Settings, SettingsError
from logleap.task_processes import TaskProcesses
from logleap.tasks import TaskNotLoadable, load_masks, load_tasks
from logleap.telemetry.instrument import Instruments
from logleap.telemetry.metrics import Metrics
from logleap.telemetry.tracing import build_tracer_provider, traced_tasks
from logleap.usecases.append import AppendEntries, CheckEntries
from logleap.usecases.artifacts import ShowArtifacts
from logleap.usecases.datasets import AnnounceDataset, ShowDatasets
from logleap.usecases.deliver_events import DeliverEvents
from logleap.usecases.keys import Authenticate, CreateKey, RevokeKey, ShowKeys
from logleap.usecases.lifecycle.archive import ArchiveDataset
from logleap.usecases.lifecycle.delete import DeleteDataset
from logleap.usecases.lifecycle.retention import ApplyRetention
from logleap.usecases.lifecycle.sweep import FailDeadLetter, Sweep
from logleap.usecases.loaded_models import LoadedModels
from logleap.usecases.read_entries import ReadEntries
from logleap.usecases.report import ReportOnDataset
from logleap.usecases.score import ScoreEntries
from logleap.usecases.training.cancel_training import CancelTraining
from logleap.usecases.training.run_training import ExecuteTask, RunTraining, TaskThreads
from logleap.usecases.training.start_training import ListRuns, ShowTraining, StartTraining

log = logging.getLogger(__name__)


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """A new UUID4, as text."""
    return str(uuid.uuid4())


def _tracer(provider: TracerProvider) -> Tracer:
    return provider.get_tracer("logleap")


def _open_backend(settings: Settings, instruments: Instruments) -> Backend:
    return instruments.instrument(open_backend(settings))


def _open_tasks(settings: Settings, masks: Masks, tracer: Tracer) -> Mapping[str, TrainingTask]:
    return traced_tasks(load_tasks(settings.training_task, masks), tracer)


def _task_executor(
    settings: Settings, capabilities: Capabilities, backend: Backend, execute: ExecuteTask
) -> TaskExecutor:
    isolation = settings.task_isolation or ("process" if capabilities.shared else "thread")
    if isolation == "thread":
        return TaskThreads(execute)
    if not capabilities.shared:
        raise SettingsError(
            f"LOGLEAP_TASK_ISOLATION is 'process', LOGLEAP_BACKEND is {settings.backend!r}, which processes "
            "cannot share. Choose 'thread', or another backend."
        )
    return TaskProcesses(settings, backend.handover)


def _deliver_events(settings: Settings, backend: Backend) -> DeliverEvents | None:
    receiver = open_receiver(settings, backend)
    if receiver is None or backend.events is None:
        return None
    if settings.events_url is not None and in_the_clear(settings.events_url):
        log.warning("LOGLEAP_EVENTS_URL is http to another machine: anybody on the way can read the events")
    return DeliverEvents(
        outbox=backend.events,
        deliverer=receiver,
        now=utc_now,
        jitter=random.random,
        lease=timedelta(seconds=2 * receiver.longest),
        first_pause=timedelta(seconds=settings.events_retry_after),
        give_up_after=settings.events_give_up_after,
    )


class Container(containers.DeclarativeContainer):
    """Settings in, use cases out. Everything is made once, when it is first asked for."""

    settings = providers.Dependency(instance_of=Settings)
    metrics = providers.ThreadSafeSingleton(Metrics)
    tracer_provider = providers.ThreadSafeSingleton(build_tracer_provider)
    tracer = providers.ThreadSafeSingleton(_tracer, tracer_provider)
    instruments = providers.ThreadSafeSingleton(Instruments, metrics, tracer)
    backend = providers.ThreadSafeSingleton(_open_backend, settings, instruments)
    capabilities = providers.ThreadSafeSingleton(capabilities_of, settings.provided.backend)
    masks = providers.ThreadSafeSingleton(load_masks, settings.provided.masks)
    tasks = providers.ThreadSafeSingleton(_open_tasks, settings, masks, tracer)
    _now = providers.Object(utc_now)
    _new_id = providers.Object(new_id)

    announce_dataset = providers.ThreadSafeSingleton(
        AnnounceDataset,
        datasets=backend.provided.datasets,
        store=backend.provided.store,
        now=_now,
        new_id=_new_id,
        longest=settings.provided.retention,
    )
    show_datasets = providers.ThreadSafeSingleton(
        ShowDatasets, datasets=backend.provided.datasets, ledger=backend.provided.ledger
    )
    append_entries = providers.ThreadSafeSingleton(
        AppendEntries,
        datasets=backend.provided.datasets,
        store=backend.provided.store,
        ledger=backend.provided.ledger,
        now=_now,
        new_id=_new_id,
    )
    check_entries = providers.ThreadSafeSingleton(CheckEntries, datasets=backend.provided.datasets)
    archive_dataset = providers.ThreadSafeSingleton(
        ArchiveDataset,
        datasets=backend.provided.datasets,
        store=backend.provided.store,
        ledger=backend.provided.ledger,
        archives=backend.provided.archives,
        now=_now,
    )
    delete_dataset = providers.ThreadSafeSingleton(
        DeleteDataset,
        datasets=backend.provided.datasets,
        store=backend.provided.store,
        archives=backend.provided.archives,
        artifacts=backend.provided.artifacts,
        now=_now,
    )
    report_on_dataset = providers.ThreadSafeSingleton(
        ReportOnDataset,
        datasets=backend.provided.datasets,
        store=backend.provided.store,
        ledger=backend.provided.ledger,
        archives=backend.provided.archives,
        runs=backend.provided.runs,
    )
    loaded_models = providers.ThreadSafeSingleton(
        LoadedModels,
        datasets=backend.provided.datasets,
        runs=backend.provided.runs,
        artifacts=backend.provided.artifacts,
        masks=masks,
        decompress=providers.Object(unzstd),
    )
    read_entries = providers.ThreadSafeSingleton(
        ReadEntries,
        datasets=backend.provided.datasets,
        store=backend.provided.store,
        ledger=backend.provided.ledger,
        archives=backend.provided.archives,
        models=loaded_models,
    )
    start_training = providers.ThreadSafeSingleton(
        StartTraining,
        datasets=backend.provided.datasets,
        runs=backend.provided.runs,
        queue=backend.provided.queue,
        tasks=providers.Callable(tuple, tasks),
        patience=settings.provided.patience,
        time_limit=settings.provided.time_limit,
        now=_now,
        new_id=_new_id,
    )
    cancel_training = providers.ThreadSafeSingleton(
        CancelTraining, datasets=backend.provided.datasets, runs=backend.provided.runs, now=_now
    )
    show_training = providers.ThreadSafeSingleton(
        ShowTraining, datasets=backend.provided.datasets, runs=backend.provided.runs
    )
    list_runs = providers.ThreadSafeSingleton(
        ListRuns, datasets=backend.provided.datasets, runs=backend.provided.runs
    )
    execute_task = providers.ThreadSafeSingleton(
        ExecuteTask,
        store=backend.provided.store,
        ledger=backend.provided.ledger,
        archives=backend.provided.archives,
        artifacts=backend.provided.artifacts,
        tasks=tasks,
        artifact_limit=settings.provided.artifact_limit,
        compress=providers.Object(compress_zstd),
        decompress=providers.Object(unzstd),
    )
    show_artifacts = providers.ThreadSafeSingleton(
        ShowArtifacts,
        datasets=backend.provided.datasets,
        runs=backend.provided.runs,
        store=backend.provided.artifacts,
    )
    score_entries = providers.ThreadSafeSingleton(ScoreEntries, models=loaded_models)
    task_executor = providers.ThreadSafeSingleton(
        _task_executor, settings, capabilities, backend, execute_task
    )
    run_training = providers.ThreadSafeSingleton(
        RunTraining,
        datasets=backend.provided.datasets,
        store=backend.provided.store,
        ledger=backend.provided.ledger,
        runs=backend.provided.runs,
        artifacts=backend.provided.artifacts,
        executor=task_executor,
        now=_now,
        lease=settings.provided.lease,
        patience=settings.provided.patience,
        max_attempts=settings.provided.run_max_attempts,
        grace=settings.provided.grace,
        time_limit=settings.provided.time_limit,
    )
    apply_retention = providers.ThreadSafeSingleton(
        ApplyRetention,
        datasets=backend.provided.datasets,
        ledger=backend.provided.ledger,
        archive=archive_dataset,
        delete=delete_dataset,
        now=_now,
        longest=settings.provided.retention,
    )
    sweep = providers.ThreadSafeSingleton(
        Sweep,
        datasets=backend.provided.datasets,
        runs=backend.provided.runs,
        queue=backend.provided.queue,
        artifacts=backend.provided.artifacts,
        archive=archive_dataset,
        delete=delete_dataset,
        retention=apply_retention,
        now=_now,
        patience=settings.provided.patience,
        max_attempts=settings.provided.run_max_attempts,
        time_limit=settings.provided.time_limit,
    )
    deliver_events = providers.ThreadSafeSingleton(_deliver_events, settings, backend)
    authenticate = providers.ThreadSafeSingleton(
        Authenticate, given=settings.provided.api_keys, keys=backend.provided.keys
    )
    show_keys = providers.ThreadSafeSingleton(
        ShowKeys, given=settings.provided.api_keys, keys=backend.provided.keys
    )
    create_key = providers.ThreadSafeSingleton(CreateKey, keys=backend.provided.keys, now=_now)
    revoke_key = providers.ThreadSafeSingleton(RevokeKey, keys=backend.provided.keys, now=_now)
    fail_dead_letter = providers.ThreadSafeSingleton(
        FailDeadLetter,
        datasets=backend.provided.datasets,
        runs=backend.provided.runs,
        queue=backend.provided.queue,
        now=_now,
        patience=settings.provided.patience,
    )


def build_container(settings: Settings) -> Container:
    """A container with its backend opened and its tasks loaded. Raises SettingsError with one clear line."""
    container = Container(settings=settings)
    container.check_dependencies()
    try:
        container.tasks()
    except TaskNotLoadable as error:
        raise SettingsError(str(error)) from error
    container.backend()
    container.deliver_events()
    container.task_executor()
    return container
