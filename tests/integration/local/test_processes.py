"""Several processes on one file: what was acknowledged is there, whatever happens to them."""

import os
import signal
import subprocess
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from logleap.adapters.memory.archive import MemoryArchiveStore
from logleap.adapters.memory.artifacts import MemoryArtifactStore
from logleap.codecs.compression import compress_zstd, unzstd
from logleap.domain.runs import RunState
from logleap.usecases.training.run_training import Disposition, ExecuteTask, RunTraining, TaskThreads
from logleap.usecases.training.start_training import StartTraining

StartProcess = Callable[..., "subprocess.Popen[str]"]
MINUTE = timedelta(minutes=1)


def acknowledged(output: str) -> dict[str, int]:
    """What an uploader's whole lines say. The last may be cut where it was killed."""
    lines = output.split("\n")[:-1]
    return {batch_id: int(entries) for batch_id, entries in (line.split() for line in lines if " " in line)}


def read_lines(process: "subprocess.Popen[str]", number: int) -> str:
    assert process.stdout is not None
    return "".join(process.stdout.readline() for _ in range(number))


def sequences(local: Any, manifest: Any) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for row in local.store.read(manifest):
        found[row.batch_id].append(row.sequence)
    return found


def test_a_training_started_beside_uploading_processes_counts_each_acknowledged_entry(
    local: Any, tmp_path: Path, start_process: StartProcess
) -> None:
    dataset = local.announce()
    arguments = (tmp_path, dataset.owner, dataset.dataset_id)
    uploaders = [start_process("uploader.py", *arguments, "small", 2) for _ in range(3)]
    outputs = [read_lines(uploader, 20) for uploader in uploaders]

    tasks = {"count-entries": lambda context: {"entries": context.training_set.count()}}
    clock = {"now": lambda: datetime.now(UTC)}
    start = StartTraining(
        local.datasets,
        local.runs,
        local.queue,
        tuple(tasks),
        patience=MINUTE,
        time_limit=MINUTE,
        new_id=lambda: str(uuid4()),
        **clock,
    )
    run = start(dataset.owner, dataset.dataset_id)
    for number, uploader in enumerate(uploaders):
        rest, _ = uploader.communicate()
        outputs[number] += rest
        assert uploader.returncode == 0
        assert outputs[number].endswith("refused\n")

    acked: dict[str, int] = {}
    for output in outputs:
        acked |= acknowledged(output)
    assert local.ledger.manifest(dataset.dataset_id).batches == acked
    assert run.totals.entries == sum(acked.values())

    message = local.queue.receive(5)
    artifacts = MemoryArtifactStore()
    carry_out = RunTraining(
        datasets=local.datasets,
        store=local.store,
        ledger=local.ledger,
        runs=local.runs,
        artifacts=artifacts,
        executor=TaskThreads(
            ExecuteTask(
                local.store,
                local.ledger,
                MemoryArchiveStore(),
                artifacts,
                tasks,
                artifact_limit=1_000_000,
                compress=compress_zstd,
                decompress=unzstd,
            )
        ),
        lease=MINUTE,
        patience=MINUTE,
        max_attempts=1,
        grace=MINUTE,
        time_limit=MINUTE,
        **clock,
    )
    assert carry_out(message.body).disposition is Disposition.DONE
    message.ack()
    finished = local.runs.get(dataset.dataset_id, run.run_id)
    assert finished.state is RunState.SUCCEEDED
    assert finished.result == {"entries": sum(acked.values())}


@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize("moment", [1, 2, 7, 20])
def test_what_a_killed_process_acknowledged_is_there_and_its_batches_are_whole(
    *, local: Any, tmp_path: Path, start_process: StartProcess, open_local: Any, size: str, moment: int
) -> None:
    dataset = local.announce()
    local.database.close()
    arguments = (tmp_path, dataset.owner, dataset.dataset_id)
    uploaders = [start_process("uploader.py", *arguments, size, 3) for _ in range(2)]
    outputs = [read_lines(uploader, moment if size == "small" else 1 + moment % 3) for uploader in uploaders]
    for uploader in uploaders:
        os.kill(uploader.pid, signal.SIGKILL)
    acked: dict[str, int] = {}
    for uploader, output in zip(uploaders, outputs, strict=True):
        acked |= acknowledged(output + uploader.communicate()[0])
        assert uploader.returncode == -signal.SIGKILL

    local = open_local(tmp_path)
    manifest = local.ledger.manifest(dataset.dataset_id)
    assert acked.items() <= manifest.batches.items()  # one more each may lack the answer alone
    assert local.store.count(manifest) == manifest.entries
    assert sequences(local, manifest) == {
        batch_id: list(range(entries)) for batch_id, entries in manifest.batches.items()
    }
    assert local.ledger.totals(dataset.dataset_id).entries == manifest.entries


def test_beside_busy_processes_each_upload_gets_its_turn(
    local: Any, tmp_path: Path, start_process: StartProcess, lines: Any
) -> None:
    busy, mine = local.announce(), local.announce()
    arguments = (tmp_path, busy.owner, busy.dataset_id)
    for uploader in [start_process("uploader.py", *arguments, "small", 2) for _ in range(2)]:
        read_lines(uploader, 1)
    for number in range(100):
        local.upload(mine, lines(1, number))  # raises Unavailable if its turn does not come
    assert local.count(mine) == 100


def test_parent_and_children_go_on_after_forks(
    local: Any, tmp_path: Path, start_process: StartProcess
) -> None:
    if not hasattr(os, "fork"):
        pytest.skip("there is no fork on this system")
    dataset = local.announce()
    forker = start_process("forker.py", tmp_path, dataset.owner, dataset.dataset_id)
    output, _ = forker.communicate()
    assert forker.returncode == 0
    assert output.endswith("done\n")
    acked = acknowledged(output)
    assert len(acked) >= 8 * 5
    assert local.ledger.manifest(dataset.dataset_id).batches == acked
    assert local.count(dataset) == sum(acked.values())
    with local.database.reading() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
