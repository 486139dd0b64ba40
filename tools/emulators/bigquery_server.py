"""bqemulator's command line, with everything that touches DuckDB kept on one thread.

    python bigquery_server.py start …

bqemulator 1.4 answers gRPC calls and some of the REST calls on threads of their own, all with one DuckDB
connection. Where a thread that ends a statement meets one that begins another, one holds DuckDB's lock and
waits for Python's, the other has it the other way round, and the emulator answers nothing more. Here they
queue for the event loop instead. Runs in the emulator's environment: see bigquery_environment.py.
"""

import asyncio
import functools
import sys
from collections.abc import Callable
from typing import Any

import fastapi.dependencies.utils
import fastapi.routing
from bqemulator.cli import main
from bqemulator.grpc_api.write_servicer import BigQueryWriteHandler

# What a call over gRPC does between reading its request and writing its answer.
_STEPS = (
    "_handle_create_write_stream",
    "_handle_get_write_stream",
    "_handle_finalize_write_stream",
    "_handle_batch_commit_write_streams",
    "_handle_flush_rows",
    "_ensure_stream_bound",
    "_perform_append",
)


async def _call(function: Callable[..., Any], /, *args: Any, **options: Any) -> Any:
    return function(*args, **options)


def _on_loop(step: Callable[..., Any]) -> Callable[..., Any]:
    """`step` of a handler, carried out on the event loop while no statement of REST's is under way."""

    @functools.wraps(step)
    def call(handler: Any, *args: Any) -> Any:
        async def run() -> Any:
            async with handler._ctx.engine.write_lock():
                return step(handler, *args)

        return asyncio.run_coroutine_threadsafe(run(), handler._loop).result()

    return call


def _with_loop(init: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(init)
    def call(handler: Any, *args: Any) -> None:
        handler._loop = asyncio.get_running_loop()
        init(handler, *args)

    return call


def keep_on_one_thread() -> None:
    """Raises AttributeError where this bqemulator is built in another way."""
    for module in (fastapi.routing, fastapi.dependencies.utils):
        module.run_in_threadpool  # noqa: B018 -- another name would silently change nothing
        module.run_in_threadpool = _call
    BigQueryWriteHandler.__init__ = _with_loop(BigQueryWriteHandler.__init__)
    for name in _STEPS:
        setattr(BigQueryWriteHandler, name, _on_loop(getattr(BigQueryWriteHandler, name)))


if __name__ == "__main__":
    keep_on_one_thread()
    sys.exit(main())
