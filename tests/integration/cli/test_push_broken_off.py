"""`logleap push` that breaks off while two requests are under way: what it says, and how it goes on."""

import http.server
import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.integration.cli.conftest import environment
from tests.integration.cli.test_push import command_in

LINES = [f"2026-03-02 06:00:0{at},000 INFO line-{at}\n" for at in range(8)]
OF_SECOND_BATCH, OF_THIRD_BATCH = b"line-2", b"line-4"


class Between:
    """What stands between the push and the server. The second batch's answer waits for `go_on`."""

    def __init__(self) -> None:
        self.url = ""
        self.refusing = False
        self.second_waits, self.third_is_in = threading.Event(), threading.Event()
        self.go_on = threading.Event()


@pytest.fixture
def between(url: str) -> Iterator[Between]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            second = OF_SECOND_BATCH in body
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            refused = second and found.refusing
            if not refused:
                answer = httpx2.post(url + self.path, content=body, headers=headers, trust_env=False)
            if OF_THIRD_BATCH in body:
                found.third_is_in.set()
            if second:
                found.second_waits.set()
                assert found.third_is_in.wait(30)
                assert found.refusing or found.go_on.wait(30)
            content = b"" if refused else answer.content
            self.send_response(503 if refused else answer.status_code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            pass

    found = Between()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        found.url = f"http://127.0.0.1:{listening.server_port}"
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield found
        finally:
            found.go_on.set()
            listening.shutdown()
            thread.join()


def messages(url: str, data_id: str) -> list[str]:
    entries = httpx2.get(f"{url}/data/{data_id}/entries", trust_env=False).json()["entries"]
    return [entry["message"][-6:] for entry in entries]


def all_of_it(logleap: Any, url: str, said: str) -> list[str]:
    """What is stored after the command that was told, with the same input."""
    arguments = command_in(said)
    again = logleap(*arguments, stdin="".join(LINES).encode(), LOGLEAP_URL=url)
    assert again.returncode == 0, again.stderr
    return messages(url, arguments[arguments.index("--dataset") + 1])


def test_a_failed_request_before_one_that_is_stored_is_sent_again(
    logleap: Any, url: str, between: Between
) -> None:
    between.refusing = True
    options = ("--batch-size", "2", "--patience", "0")
    done = logleap("push", "-", *options, stdin="".join(LINES).encode(), LOGLEAP_URL=between.url)
    assert done.returncode == 1
    assert ": up to line 2 of standard input, and 2 from behind the place where it stopped" in done.stderr
    assert all_of_it(logleap, url, done.stderr) == [f"line-{at}" for at in range(8)]


def test_what_is_under_way_when_the_user_breaks_off_is_counted(
    logleap: Any, command: list[str], url: str, between: Between
) -> None:
    with subprocess.Popen(
        [*command, "push", "-", "--batch-size", "2"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(LOGLEAP_URL=between.url),
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write("".join(LINES).encode())
        process.stdin.close()
        assert between.second_waits.wait(30)
        assert between.third_is_in.wait(30)
        process.send_signal(signal.SIGINT)
        threading.Timer(0.5, between.go_on.set).start()
        said = process.stderr.read().decode()
        assert process.wait(30) != 0
    assert "6 entries were added to data set" in said
    assert ": up to line 6 of standard input" in said
    assert all_of_it(logleap, url, said) == [f"line-{at}" for at in range(8)]


def test_a_batch_of_which_nothing_is_stored_is_not_counted(logleap: Any, url: str) -> None:
    huge = "2026-03-02 06:00:09,000 INFO " + "x" * (1 << 20) + "\n"
    text = LINES[0] + huge + LINES[1]
    options = ("--batch-size", "1", "--on-bad-line", "skip", "--json")
    done = logleap("push", "-", *options, stdin=text.encode(), LOGLEAP_URL=url)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["accepted"], report["batches"]) == (2, 2)


@pytest.mark.parametrize("option", ["--key", "--dataset"])
def test_an_empty_option_is_refused_as_most_likely_a_variable_that_is_not_set(
    logleap: Any, url: str, option: str
) -> None:
    done = logleap("push", "-", option, "", stdin=LINES[0].encode(), LOGLEAP_URL=url)
    assert done.returncode == 2
    assert f"{option}': it is empty. Is a variable of the shell not set?" in done.stderr
