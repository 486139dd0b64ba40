"""A worker that is killed in a comparison, a run of `log-model` with a baseline: between model and result."""

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

from logleap.client import Client
from logleap.codecs.compression import unzstd
from logleap.domain.log_models import CHANGES_FILE, MODEL_FILE
from logleap.ports.artifacts import Blob
from tools.faults.cluster import Cluster, api_key
from tools.faults.failpoints import LOG_MODEL
from tools.faults.harness import artifact_files
from tools.faults.installations import Installation

_OWNER = "anna"
_WORKER = "worker-0"
_DEADLINE = 30.0  # seconds


def log_model_crash(site: Installation, cluster: Cluster, name: str) -> Sequence[str]:
    """What is wrong after the worker has killed itself at the named point, and another one has gone on.

    The run must have ended as one that nobody disturbs: with the same bytes of model and changes, each once.
    """
    with Client(cluster.urls[0], api_key=api_key(_OWNER)) as client:
        before = _uploaded(client)
        client.train(before, task="log-model")
        client.wait(before, timeout=_DEADLINE)
        undisturbed, disturbed = (_uploaded(client, "[ERR] Table orders lost its column 7") for _ in range(2))
        wanted = _trained(client, undisturbed, before)
        member = cluster.members[_WORKER]
        ends = len(member.ends)
        cluster.crash_at(_WORKER, *LOG_MODEL[name])
        found = _trained(client, disturbed, before)
        cluster.wait_for_end(_WORKER, ends + 2)  # one end was for the start with the point
        cluster.wait_until_up(_WORKER)
    return [*_differences(wanted, found), *_remains(site, disturbed, found)]


def _uploaded(client: Client, *more: str) -> str:
    """A data set of an hour of a service."""
    data_id = str(client.announce()["dataId"])
    messages = [f"Order {number * 7919 % 100_003} left by gate {number % 4}" for number in range(400)]
    client.append(
        data_id,
        [
            {"timestamp": f"2026-03-02T06:{at // 60:02}:{at % 60:02}Z", "message": message}
            for at, message in enumerate([*messages, *more])
        ],
    )
    return data_id


def _trained(client: Client, data_id: str, baseline: str) -> Any:
    client.train(data_id, task="log-model", parameters={"baseline": baseline})
    return client.wait(data_id, timeout=_DEADLINE)


def _differences(wanted: Any, found: Any) -> Iterator[str]:
    """Between the ends of both runs."""
    if found["state"] != "succeeded":
        yield f"the run has {found['state']}: {found.get('error')}"
    elif found["result"] != wanted["result"]:
        yield f"the result is {found['result']}, undisturbed {wanted['result']}"


def _remains(site: Installation, data_id: str, run: Any) -> Iterator[str]:
    """What is wrong with the files of the run, once the sweeper has had the time to remove what is left."""
    deadline = time.monotonic() + _DEADLINE
    with site.open_backend() as backend:
        while (staged := [blob for blob in backend.artifacts.staged() if blob.dataset_id == data_id]) or (
            artifact_files(backend.artifacts, data_id) < 2
        ):
            if time.monotonic() > deadline:
                yield f"these files are left: {staged}"
                return
            time.sleep(0.05)
        [stored] = backend.runs.list(data_id, limit=10)
        names = sorted(artifact.name for artifact in stored.artifacts)
        if names != [CHANGES_FILE, MODEL_FILE]:
            yield f"the run {run['runId']} has the artifacts {names}"
        if (number := artifact_files(backend.artifacts, data_id)) != 2:
            yield f"{number} files are published"
        for artifact in stored.artifacts:
            with backend.artifacts.open(Blob(data_id, stored.run_id, artifact.blob)) as file:
                plain = b"".join(unzstd(iter(lambda: file.read(1 << 18), b"")))
            if hashlib.sha256(plain).hexdigest() != artifact.sha256:
                yield f"the digest of {artifact.name} is wrong"
            elif artifact.name == MODEL_FILE and json.loads(plain)["baseline"] is None:
                yield "the model has no baseline"
