"""`logleap backup`, `logleap restore` and `logleap serve --accept-loss`, as an operator calls them."""

import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from logleap.client import Client

ENTRIES = [{"timestamp": f"2026-03-02T06:00:{second:02d}Z", "message": "a"} for second in range(30)]


def test_a_backup_of_a_running_server_is_restored_elsewhere_and_trained_on(
    logleap: Any, serving: Any, tmp_path: Path
) -> None:
    folder, fresh, file = (str(tmp_path / name) for name in ("data", "fresh", "copy.db"))
    with serving(backend="local", LOGLEAP_DATA_DIR=folder) as server, Client(server.url) as client:
        data_id = client.announce("line 4")["dataId"]
        client.append(data_id, ENTRIES)
        archived = client.announce()["dataId"]
        client.append(archived, ENTRIES)
        client.archive(archived)
        made = logleap("backup", file, LOGLEAP_BACKEND="local", LOGLEAP_DATA_DIR=folder)
        assert made.returncode == 0, made.stderr
        assert "2 data sets, 1 of them archived, 30 entries, until 20" in made.stdout
        assert f"copy the folder of file://{folder}/archive" in made.stdout
        client.append(data_id, ENTRIES)  # after the backup
        busy = logleap("restore", file, LOGLEAP_BACKEND="local", LOGLEAP_DATA_DIR=folder)
        assert (busy.returncode, "is in use" in busy.stderr) == (2, True)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    (tmp_path / "data/archive").rename(tmp_path / "archive")
    done = logleap("restore", file, LOGLEAP_BACKEND="local", LOGLEAP_DATA_DIR=fresh)
    assert done.returncode == 0, done.stderr
    assert "1 archive is missing" in done.stderr
    (tmp_path / "archive").rename(tmp_path / "data/archive")
    again = logleap("restore", file, LOGLEAP_BACKEND="local", LOGLEAP_DATA_DIR=fresh)
    assert (again.returncode, again.stderr) == (0, "")
    assert "The files that it replaced are in" in again.stdout
    with serving(backend="local", LOGLEAP_DATA_DIR=fresh) as server, Client(server.url) as client:
        for restored in (data_id, archived):
            client.train(restored)
            assert client.wait(restored, timeout=30)["result"] == {"entries": 30}


def test_a_server_whose_log_is_lost_starts_once_that_is_accepted(
    logleap: Any, serving: Any, tmp_path: Path
) -> None:
    folder = str(tmp_path)
    with serving(backend="local", LOGLEAP_DATA_DIR=folder) as server, Client(server.url) as client:
        client.append(client.announce()["dataId"], ENTRIES)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    (tmp_path / "logleap.db-wal").unlink()
    refused = logleap("serve", "--port", "0", LOGLEAP_BACKEND="local", LOGLEAP_DATA_DIR=folder)
    assert refused.returncode == 2
    assert "logleap.db-wal is missing, cut or damaged" in refused.stderr
    assert "Commands: `logleap restore FILE`, `logleap serve --accept-loss`." in refused.stderr
    log = tmp_path / "log"
    with serving(["--accept-loss"], backend="local", log=log, LOGLEAP_DATA_DIR=folder) as server:
        with Client(server.url) as client:
            assert list(client.datasets()) == []
        server.stop()
    assert "the loss is accepted" in log.read_text()
    with serving(backend="local", LOGLEAP_DATA_DIR=folder):
        pass


@pytest.mark.parametrize("command", [["backup", "x.db"], ["restore", "x.db"], ["serve", "--accept-loss"]])
def test_other_backends_have_no_file_to_copy(logleap: Any, command: list[str]) -> None:
    done = logleap(*command)
    assert done.returncode == 2
    assert "only 'local' has a file" in done.stderr


def test_a_backup_of_a_damaged_data_set_is_made_and_said(logleap: Any, serving: Any, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with serving(backend="local", LOGLEAP_DATA_DIR=str(folder)) as server, Client(server.url) as client:
        data_id = client.announce()["dataId"]
        client.append(data_id, ENTRIES)
        server.stop()
    connection = sqlite3.connect(folder / "logleap.db")
    connection.execute("UPDATE chunks SET checksum = 1")
    connection.commit()
    connection.close()
    options = {"LOGLEAP_BACKEND": "local", "LOGLEAP_DATA_DIR": str(folder)}
    done = logleap("backup", str(tmp_path / "copy.db"), **options)
    assert done.returncode == 1
    assert f"entries are missing in 1 data set, also in the original: {data_id}" in done.stderr
    assert (tmp_path / "copy.db").exists()
