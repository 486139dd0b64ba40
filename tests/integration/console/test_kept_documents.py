"""What the console keeps of artifacts that it has read is for those who may read them."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from logleap.container import Container
from logleap.entrypoints.worker.worker import make_worker


@pytest.fixture
def worker(keyed: Container) -> Iterator[None]:
    stop = threading.Event()
    running = threading.Thread(target=make_worker(keyed).run, args=(stop,))
    running.start()
    yield
    stop.set()
    running.join()


@pytest.mark.usefixtures("worker")
def test_templates_that_an_owner_has_seen_are_not_shown_to_another_or_after_a_deletion(
    anna: Any, bert: Any, keyed: Container
) -> None:
    data_id = anna.announce()
    anna.upload(data_id)
    run = keyed.start_training()("anna", data_id, task="log-model")
    while not keyed.show_training()("anna", data_id).finished:
        time.sleep(0.02)
    page = f"/console/data/{data_id}/runs/{run.run_id}/templates"
    for _ in range(2):
        assert "jam at gate" in anna.get(page).text
    assert bert.get(page).status_code == 404
    keyed.delete_dataset()("anna", data_id)
    assert anna.get(page).status_code == 404
