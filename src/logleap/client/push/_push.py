"""Log files on their way to the API: read ahead, sent while the next part is read, and safe to repeat."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from logleap.client._api import Client
from logleap.client._errors import ApiError, too_large
from logleap.client._parts import BatchPoster
from logleap.client.logfiles import Batch, Head, Limits, LogFile, LogFileError, ReadOptions, Report, Seam
from logleap.client.push._rotation import follows

_AHEAD = 2  # batches that are read and wait
_UNDER_WAY = 2  # requests at once


@dataclass(frozen=True, slots=True)
class Source:
    """A file to push: its name, and how it is opened. Standard input ("-") can be opened once."""

    name: str
    open: Callable[[], AbstractContextManager[BinaryIO]]


@dataclass(slots=True)
class Stored:
    """What has been acknowledged so far.

    `replayed` of the entries were stored by an earlier push with the same key. Up to `line` of the file
    `name` all lines are stored.
    """

    entries: int = 0
    batches: int = 0
    replayed: int = 0
    bytes: int = 0
    name: str = ""
    line: int = 0
    after_a_gap: int = 0
    """Entries that are stored although earlier ones are not."""


@dataclass(slots=True)
class Push:
    """One push of files into a data set. `reports` tell what each file is read as, and grow."""

    client: Client
    key: str
    limits: Limits
    options: ReadOptions
    stored: Stored = field(default_factory=Stored)
    reports: list[Report] = field(default_factory=list)
    _poster: BatchPoster = field(default_factory=BatchPoster)

    def first(self, sources: Sequence[Source]) -> Generator[tuple[int, Batch]]:
        """Starts to read the files; what it gives is for `send`.

        Returns once the beginnings of all files are read without a contradiction. Raises LogFileError before
        anything is sent.
        """
        reading = _Reading(sources, self.options, self.limits, self.reports)
        return reading.batches()

    def send(self, data_id: str, batches: Generator[tuple[int, Batch]]) -> Iterator[Stored]:
        """Posts the batches, telling after each what is acknowledged.

        Each request has a key of its own, made of the push's, the file's number and the line on which it
        begins: a push that is repeated with the same key and options adds nothing, also if a proxy takes more
        or less at once than before. Raises what the reading or the API raises, after the requests under way
        have been answered.
        """
        under_way: deque[tuple[Batch, Future[_Outcome]]] = deque()
        with closing(batches), ThreadPoolExecutor(_UNDER_WAY, "logleap-push") as senders:
            try:
                for number, batch in batches:
                    # The first one alone: it tells whether an earlier push made other batches of the files.
                    while len(under_way) >= (_UNDER_WAY if self.stored.batches else 1):
                        yield self._settled(under_way)
                    under_way.append((batch, senders.submit(self._post, data_id, batch, number)))
                while under_way:
                    yield self._settled(under_way)
            except BaseException:
                self._await_rest(under_way)
                raise

    def _await_rest(self, under_way: "deque[tuple[Batch, Future[_Outcome]]]") -> None:
        """Counts what is stored in the end of the requests that are under way when one fails."""
        try:
            while under_way:
                self._settled(under_way)
        except Exception:  # noqa: BLE001 -- the first failure is raised already, or what broke off the wait
            self._count(under_way.popleft()[1].result())
            for _, future in under_way:
                self.stored.after_a_gap += future.result().entries

    def _settled(self, under_way: "deque[tuple[Batch, Future[_Outcome]]]") -> Stored:
        """Waits for the first request, which stays the first until it is answered well."""
        batch, future = under_way[0]
        outcome = future.result()
        if outcome.error is not None:
            raise outcome.error
        under_way.popleft()
        self._count(outcome)
        stored = self.stored
        stored.batches += outcome.entries > 0
        stored.bytes += len(batch.body)
        stored.name, stored.line = batch.name, batch.end_line
        return stored

    def _count(self, outcome: "_Outcome") -> None:
        self.stored.entries += outcome.entries
        self.stored.replayed += outcome.replayed

    def _post(self, data_id: str, batch: Batch, number: int) -> "_Outcome":
        """Post a batch of the file of this number, in parts if a proxy does not take it as a whole."""
        outcome = _Outcome()
        try:
            for _, answer in self._poster.post(
                batch.entries,
                batch.part,
                lambda part, body, place: self._post_part(
                    data_id, batch, part, body, f"{self.key}-{number}-{batch.place(place)}"
                ),
                lambda index, error: self._leave_out(batch, index, error),
            ):
                outcome.entries += answer["accepted"]
                outcome.replayed += answer["accepted"] if answer.get("replayed") else 0
        except ApiError as error:
            outcome.error = self._key_in_use(batch) if error.key_reused else error
        except Exception as error:  # noqa: BLE001 -- raised as soon as what was stored before it is counted
            outcome.error = error
        return outcome

    def _post_part(self, data_id: str, batch: Batch, part: range, body: bytes, key: str) -> Mapping[str, Any]:
        kept = list(part)
        while body:
            try:
                return self.client.append_lines(data_id, body, key)
            except ApiError as error:
                refused = _refused(error)
                if not refused:
                    raise
                first = min(refused)
                if not self.options.skip:
                    line = batch.starts[kept[first]] if first < len(kept) else None
                    raise LogFileError(
                        batch.name, line, f"the server refuses this entry: {refused[first]}", left_out=True
                    ) from error
                for at, detail in refused.items():
                    self._skip(batch, kept[at], f"the server refuses it: {detail}")
                kept = [index for at, index in enumerate(kept) if at not in refused]
                body = b"".join(batch.part(range(index, index + 1)) for index in kept)
        return {"accepted": 0}

    def _leave_out(self, batch: Batch, index: int, error: ApiError) -> None:
        """An entry that is too large even alone. Raises LogFileError if it may not be left out."""
        if not self.options.skip:
            raise LogFileError(batch.name, batch.starts[index], str(error), left_out=True) from error
        self._skip(batch, index, str(error))

    def _skip(self, batch: Batch, index: int, reason: str) -> None:
        report = next(report for report in self.reports if report.name == batch.name)
        text = batch.part(range(index, index + 1))[:60].decode(errors="replace")
        report.skip(batch.starts[index], text, reason)
        report.entries -= 1

    def _key_in_use(self, batch: Batch) -> LogFileError:
        detail = (
            f"an earlier push with the key {self.key!r} stored other entries from here on: it had other "
            "options, or read another file, or sent more at once than a proxy takes now. Repeat it as it was "
            "then, or check what is stored and push the rest with a new key"
        )
        return LogFileError(batch.name, batch.first_line, detail)


@dataclass(slots=True)
class _Outcome:
    """What became of a batch: so many entries are stored, `replayed` of them earlier; `error` ended it."""

    entries: int = 0
    replayed: int = 0
    error: Exception | None = None


def _refused(error: ApiError) -> Mapping[int, str]:
    """The entries of a request that the server refuses, by their index."""
    named = {
        one["index"]: str(one.get("detail"))
        for one in error.problem.get("errors", [])
        if isinstance(one, dict) and isinstance(one.get("index"), int)
    }
    if (found := too_large(error.problem)) is not None:
        named[found[0]] = found[1]
    return named


class _Reading:
    """Reads files in a thread of its own, a few batches ahead of who takes them."""

    def __init__(
        self, sources: Sequence[Source], options: ReadOptions, limits: Limits, reports: list[Report]
    ) -> None:
        self._sources = sources
        self._options = options
        self._limits = limits
        self._reports = reports
        self._queue: queue.Queue[tuple[int, Batch] | BaseException | None] = queue.Queue(_AHEAD)
        self._stop = threading.Event()
        self._heads: dict[int, Head] = {}

    def batches(self) -> Generator[tuple[int, Batch]]:
        """The batches, with the number of their file. The files' beginnings are read before this returns."""
        for number, source in enumerate(self._sources[1:], 1):
            with source.open() as stream:
                begun = LogFile(stream, name=source.name, options=self._options, seam=self._seam(number))
                _begin(begun.batches(self._limits), begun)
                if begun.head is not None:
                    self._heads[number] = begun.head
        return self._begun()

    def _seam(self, number: int) -> Seam:
        before = self._sources[number - 1].name if number else None
        continues = before is not None and follows(self._sources[number].name, before)
        return Seam(continues, self._heads.get(number + 1))

    def _begun(self) -> Generator[tuple[int, Batch]]:
        files = self._files()
        held = next(files, None)
        return self._in_thread(held, files)

    def _files(self) -> Iterator[list[tuple[int, Batch]]]:
        """The first batches of the first file, all read before they are given; then each other one."""
        years = self._options.years() if self._options.year is not None else None  # go on from file to file
        for number, source in enumerate(self._sources):
            with source.open() as stream:
                file = LogFile(
                    stream, name=source.name, options=self._options, years=years, seam=self._seam(number)
                )
                self._reports.append(file.report)
                batches = file.batches(self._limits)
                yield [(number, batch) for batch in _begin(batches, file)]
                for batch in batches:
                    yield [(number, batch)]

    def _in_thread(
        self, held: list[tuple[int, Batch]] | None, files: Iterator[list[tuple[int, Batch]]]
    ) -> Generator[tuple[int, Batch]]:
        yield from held or ()
        del held
        thread = threading.Thread(target=self._fill, args=[files], name="logleap-read", daemon=True)
        thread.start()
        try:
            while (taken := self._queue.get()) is not None:
                if isinstance(taken, BaseException):
                    raise taken
                yield taken
        finally:
            self._stop.set()
            while thread.is_alive():
                self._drain()
                thread.join(0.01)

    def _fill(self, files: Iterator[list[tuple[int, Batch]]]) -> None:
        end: BaseException | None = None
        try:
            for batches in files:
                for batch in batches:
                    self._queue.put(batch)
                if self._stop.is_set():
                    break
        except BaseException as error:  # noqa: BLE001 -- raised where the batches are taken
            end = error
        self._queue.put(end)

    def _drain(self) -> None:
        try:
            while True:
                self._queue.get_nowait()
        except queue.Empty:
            pass


def _begin(batches: Iterator[Batch], file: LogFile) -> list[Batch]:
    """The batches that were read when the file's sample had been."""
    begun = []
    for batch in batches:
        begun.append(batch)
        if file.passed_sample:
            break
    return begun
