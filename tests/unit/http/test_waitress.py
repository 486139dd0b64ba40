"""The inside of waitress on which our server builds is the one that was read when it was written."""

import inspect
import tomllib
from collections.abc import Callable
from hashlib import sha256
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.buffers import OverflowableBuffer
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.receiver import ChunkedReceiver, FixedStreamReceiver
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ErrorTask, Task, ThreadedTaskDispatcher, WSGITask
from waitress.wasyncore import dispatcher

_channel: Any = HTTPChannel  # the stubs lack what begins with an underscore

ROOT = Path(__file__).parents[3]

# What entrypoints/http/server overrides, calls, or relies upon without calling it, with the first digits of
# the SHA-256 of its source. A difference means: read what has changed, and the comments in the server's
# files that rest on it; only then take the new digest.
INSIDE: dict[str, tuple[Callable[..., Any], str]] = {
    # overridden
    "HTTPChannel.__init__": (HTTPChannel.__init__, "a194769af3fd2e35"),
    "HTTPChannel.service": (HTTPChannel.service, "f73afa13748e1128"),
    "dispatcher.handle_expt": (dispatcher.handle_expt, "75e972a21a1362a9"),
    "ErrorTask.execute": (ErrorTask.execute, "4abe3262db04d291"),
    "Task.service": (Task.service, "d96bb4019c488cca"),
    "Task.write": (Task.write, "f9a97135b3b5d691"),
    "Task.build_response_header": (Task.build_response_header, "2cf70b88816fabc1"),
    "BaseWSGIServer.pull_trigger": (BaseWSGIServer.pull_trigger, "bf12fa7216edc247"),
    "HTTPChannel.handle_close": (HTTPChannel.handle_close, "8f59b9aaa45566bb"),
    "HTTPChannel.received": (HTTPChannel.received, "08d6df73fb69da84"),
    "HTTPChannel._flush_outbufs_below_high_watermark": (
        _channel._flush_outbufs_below_high_watermark,
        "27a2b75117abd0d7",
    ),
    "HTTPRequestParser.__init__": (HTTPRequestParser.__init__, "d43d0602efd291cf"),
    "HTTPRequestParser.received": (HTTPRequestParser.received, "b466c02de37d4a01"),
    "HTTPRequestParser.parse_header": (HTTPRequestParser.parse_header, "c2c093b901782da6"),
    "dispatcher.recv": (dispatcher.recv, "2e96a95e63f72440"),
    "OverflowableBuffer": (OverflowableBuffer, "545747c4f2e2e71a"),
    # called
    "create_server": (create_server, "2e506b208edceac2"),
    "BaseWSGIServer.handle_accept": (BaseWSGIServer.handle_accept, "69bfcf0fc140592a"),
    "HTTPChannel.readable": (HTTPChannel.readable, "e4722238ce60c915"),
    "HTTPChannel.writable": (HTTPChannel.writable, "d0cbd4ae1b3ba2a3"),
    "HTTPChannel.write_soon": (HTTPChannel.write_soon, "20eedb92a8237c47"),
    "Task.set_close_on_finish": (Task.set_close_on_finish, "90433a0ffcaf34a7"),
    "ThreadedTaskDispatcher.shutdown": (ThreadedTaskDispatcher.shutdown, "f2550ddbfb8d46b9"),
    "dispatcher.accept": (dispatcher.accept, "f74c690fd884a018"),
    "dispatcher.del_channel": (dispatcher.del_channel, "adbc7e4cb5fc9568"),
    "wasyncore.close_all": (wasyncore.close_all, "6b588549e9916191"),
    "wasyncore.loop": (wasyncore.loop, "9c04aac11e1c336c"),
    "wasyncore.readwrite": (wasyncore.readwrite, "2467235cc3f4eb51"),
    "BaseWSGIServer.readable": (BaseWSGIServer.readable, "4eea9c1036b55b41"),
    "BaseWSGIServer.writable": (BaseWSGIServer.writable, "845a962ae2c8703c"),
    "HTTPChannel._flush_exception": (_channel._flush_exception, "c9f3751ffdb057b7"),
    "HTTPChannel._flush_some": (_channel._flush_some, "fe7a9a752a419402"),
    "HTTPChannel.send_continue": (HTTPChannel.send_continue, "842ebf929f6dbb14"),
    "ThreadedTaskDispatcher.add_task": (ThreadedTaskDispatcher.add_task, "1028105a9aed367d"),
    "ThreadedTaskDispatcher.set_thread_count": (ThreadedTaskDispatcher.set_thread_count, "97cddfc021373f31"),
    # relied upon
    "ChunkedReceiver": (ChunkedReceiver, "7d4fd7a3f8c53daa"),
    "ThreadedTaskDispatcher.handler_thread": (ThreadedTaskDispatcher.handler_thread, "fe586964e3f09522"),
    "Adjustments": (Adjustments, "475cc98278b2e1d7"),
    "BaseWSGIServer.__init__": (BaseWSGIServer.__init__, "e70a16b5b63c0a98"),
    "BaseWSGIServer.accept_connections": (BaseWSGIServer.accept_connections, "c18b3b1efdba9e30"),
    "BaseWSGIServer.maintenance": (BaseWSGIServer.maintenance, "4ab5b7f595bc4253"),
    "HTTPChannel.add_channel": (HTTPChannel.add_channel, "235de3cdfd2c3e8a"),
    "HTTPChannel.del_channel": (HTTPChannel.del_channel, "a018ed85e5e518cd"),
    "HTTPChannel.cancel": (HTTPChannel.cancel, "ba151d8a01e670b4"),
    "HTTPChannel.handle_read": (HTTPChannel.handle_read, "5f1fb08c95aa00cc"),
    "HTTPChannel.handle_write": (HTTPChannel.handle_write, "6c900f395b306f09"),
    "FixedStreamReceiver": (FixedStreamReceiver, "434997a7017f1336"),
    "Task.start": (Task.start, "4a0ea27954923854"),
    "Task.finish": (Task.finish, "9bc080ca74743a10"),
    "WSGITask.execute": (WSGITask.execute, "207afc60fcf3181f"),
    "dispatcher.handle_read_event": (dispatcher.handle_read_event, "969ee8514e4b606c"),
    "dispatcher.handle_write_event": (dispatcher.handle_write_event, "afca27dd2b7ea4fb"),
    "dispatcher.handle_error": (dispatcher.handle_error, "e25212b7acb0cb51"),
}


def test_the_version_is_one_that_was_read() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = chain(project["dependencies"], *project["optional-dependencies"].values())
    (waitress,) = (each for each in map(Requirement, required) if each.name == "waitress")
    assert waitress.specifier == SpecifierSet(">=3.0.2,<3.1")
    assert version("waitress") in waitress.specifier


@pytest.mark.parametrize("name", INSIDE)
def test_what_the_server_builds_on_is_as_it_was_read(name: str) -> None:
    code, digest = INSIDE[name]
    assert sha256(inspect.getsource(code).encode()).hexdigest()[:16] == digest
