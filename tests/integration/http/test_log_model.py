"""The task `log-model`: the same bytes wherever the entries are, and what changed since a baseline."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from logleap.client import Client
from logleap.miner.compare import Changes
from logleap.miner.model import LogModel
from logleap.miner.text.mask import Masks
from logleap.tasks.log_model import TrainLogModel


def entries(*more: str) -> list[dict[str, str]]:
    """An hour of a service, one entry per second, and `more` at the end."""
    chance = random.Random(7)
    found = []
    for second in range(3600):
        message = f"Order {chance.randint(1, 10**6)} left by gate {1 + second % 4}"
        if second % 20 == 0:
            message = f"Station {second % 5} answered after {chance.randint(5, 40)} ms"
        stamp = f"2026-03-02T06:{second // 60:02}:{second % 60:02}Z"
        found.append({"timestamp": stamp, "message": message})
    found += [{"timestamp": "2026-03-02T06:59:59Z", "message": text} for text in more]
    return found


def upload(client: Client, given: list[dict[str, str]], size: int, name: str | None = None) -> str:
    data_id = str(client.announce(name)["dataId"])
    batches = [given[first : first + size] for first in range(0, len(given), size)]
    for batch in reversed(batches):
        client.append(data_id, batch)
    return data_id


def trained(client: Client, data_id: str, **parameters: Any) -> Any:
    client.train(data_id, task="log-model", parameters=parameters)
    return client.wait(data_id, timeout=60)


def saved(server: Any, data_id: str, name: str = "log-model.json") -> bytes:
    return bytes(server.http.get(f"/train/{data_id}/artifacts/{name}").content)


@pytest.fixture(scope="module")
def memory(start_server: Any) -> Iterator[Any]:
    with start_server(with_worker=True) as server:
        yield server


def test_the_same_entries_give_the_same_bytes_on_each_backend_and_from_the_archive(
    memory: Any, start_server: Any, tmp_path: Path
) -> None:
    given = entries()
    with Client(memory.url) as client:
        data_id = upload(client, given, 1000)
        run = trained(client, data_id)
    assert run["state"] == "succeeded", run
    model = LogModel.from_json(saved(memory, data_id))
    told = memory.http.get(f"/data/{data_id}/report").json()["templates"]
    assert (told["runId"], told["digest"], told["total"]) == (run["runId"], model.digest, 2)
    assert [template["entries"] for template in told["frequent"]] == [3420, 180]
    assert run["result"]["digest"] == model.digest
    assert run["result"]["entries"] == len(given) == sum(template.count for template in model.templates)
    assert run["result"]["templates"] == len(model.templates) == 2
    with (
        start_server(with_worker=True, backend="local", data_dir=tmp_path) as local,
        Client(local.url) as client,
    ):
        data_id = upload(client, given, 700)
        assert trained(client, data_id)["result"] == run["result"]
        assert saved(local, data_id) == model.to_bytes()
        client.archive(data_id)
        assert trained(client, data_id)["result"] == run["result"]
        assert saved(local, data_id) == model.to_bytes()


def test_masks_of_ones_own_are_part_of_the_model(start_server: Any, tmp_path: Path) -> None:
    masks = tmp_path / "masks.toml"
    masks.write_text('[masks]\nticket = "[A-Z]{2,6}-[0-9]+"\n')
    with start_server(with_worker=True, masks=masks) as server, Client(server.url) as client:
        given = [{"timestamp": "2026-03-02T06:00:00Z", "message": f"done {key}"} for key in ("AB-1", "XY-2")]
        run = trained(client, upload(client, given, 10))
    assert [template["text"] for template in run["result"]["frequent"]] == ["done <*>"]


def test_changes_since_the_baseline_are_told_with_entries_that_show_them(memory: Any) -> None:
    error = "[ERR] Table orders lost its column {}"
    with Client(memory.url) as client:
        before, after = (
            upload(client, entries(), 1000, "line 4"),
            upload(client, entries(*map(error.format, (1, 2))), 700, "line 4"),
        )
        model = trained(client, before)
        run = trained(client, after, baseline="previous")
        assert run["baseline"] == {
            "dataId": before,
            "runId": model["runId"],
            "digest": model["result"]["digest"],
        }
        assert run["parameters"] == {"baseline": "previous"}
        assert run["result"]["changes"]["kinds"] == {"new": 1}
        changes = Changes.from_json(saved(memory, after, "changes.json"))
        (change,) = changes.changes
        assert run["result"]["changes"]["first"][0]["sentence"] == change.sentence
        assert LogModel.from_json(saved(memory, after)).baseline == changes.baseline.digest
        for example in change.examples:
            assert example.entry is not None
            around = client.around(after, example.entry.batch_id, example.entry.sequence, before=0, after=0)
            assert [entry["message"] for entry in around] == [example.message]
        ignored = trained(client, after, baseline=before, ignore=["*lost its column*"], current=False)
        assert ignored["result"]["changes"] == {"total": 0, "kinds": {}, "first": []}


def test_a_baseline_that_is_not_there_is_refused(memory: Any) -> None:
    with Client(memory.url) as client:
        without, data_id = upload(client, entries()[:1], 1), upload(client, entries()[:1], 1)
    for baseline, status, code in (("x", 404, "DATASET_NOT_FOUND"), (without, 409, "MODEL_MISSING")):
        body = {"task": "log-model", "parameters": {"baseline": baseline}}
        answer = memory.http.post(f"/train/{data_id}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    answer = memory.http.post(f"/train/{data_id}", json={"task": "log-model", "parameters": {"base": 1}})
    assert (answer.status_code, answer.json()["code"]) == (422, "BODY_INVALID")
    assert "'parameters.base' is unknown; the task has baseline" in answer.json()["detail"]


def test_a_baseline_made_with_other_masks_is_a_clear_failure(memory: Any) -> None:
    tasks = memory.container.tasks()
    with Client(memory.url) as client:
        before, after = upload(client, entries()[:5], 9), upload(client, entries()[:5], 9)
        trained(client, before)
        usual = tasks["log-model"]
        tasks["log-model"] = TrainLogModel(Masks({"key": "(?:AB)"}))
        try:
            run = trained(client, after, baseline=before)
        finally:
            tasks["log-model"] = usual
    assert run["error"]["code"] == "TASK_FAILED"
    assert "trained with other masks" in run["error"]["detail"]


@pytest.mark.parametrize(("name", "file"), [("log-model", "log-model.json"), ("changes", "changes.json")])
def test_the_schemas_of_the_files_are_served_and_the_files_are_as_they_say(
    memory: Any, name: str, file: str
) -> None:
    answer = memory.http.get(f"/schemas/{name}.schema.json")
    assert answer.headers["Content-Type"] == "application/schema+json"
    with Client(memory.url) as client:
        before = upload(client, entries(), 1000, f"line of {name}")
        trained(client, before)
        after = upload(client, entries("[ERR] Table orders lost its column 7"), 1000, f"line of {name}")
        trained(client, after, baseline="previous")
    document = memory.http.get(f"/train/{after}/artifacts/{file}").json()
    jsonschema_rs.validate(answer.json(), document)
    assert not jsonschema_rs.is_valid(answer.json(), {**document, "version": "1"})
    assert memory.http.get("/schemas/nothing").status_code == 404
