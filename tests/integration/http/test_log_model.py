"""The task `log-model`: the same bytes wherever the entries are, and what changed since a baseline."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from logleap.client import Client
from logleap.miner.model import LogModel


def entries(words: int = 1, **more: str) -> list[dict[str, str]]:
    """An hour of a service, one entry per second, and `more` entries at the end."""
    chance = random.Random(7)
    found = []
    for second in range(3600):
        message = f"Order {chance.randint(1, 10**6)} left by gate {1 + second % 4 * words}"
        if second % 20 == 0:
            message = f"Station {second % 5} answered after {chance.randint(5, 40)} ms"
        stamp = f"2026-03-02T06:{second // 60:02}:{second % 60:02}Z"
        found.append({"timestamp": stamp, "message": message})
    found += [{"timestamp": "2026-03-02T06:59:59Z", "message": text} for text in more.values()]
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
