"""Plain text: lines that begin with a time, or carry it behind the same words, and the lines below them."""

from collections.abc import Iterator

from logleap.client.logfiles._entries.batches import Batch
from logleap.client.logfiles._fast.readers import FULL, LINE, OFFSET, FastLines, fast_lines
from logleap.client.logfiles._fast.times import Scanned
from logleap.client.logfiles._formats.text.grouping import Grouper
from logleap.client.logfiles._reading import Beginning, Reader, Reading
from logleap.client.logfiles._text.log_text import MAX_ENTRY

_MOST_AT_ONCE = 2048  # twice the entries that are read by lines before the compiled reader is tried again


def _recognises(beginning: Beginning) -> bool:
    return True


def _read(reading: Reading) -> Iterator[Batch]:
    sample = reading.sample_lines()
    if reading.text.sample_is_all and not any(line.text.strip() for line in sample):
        return
    layout = reading.layout(sample)
    grouper = Grouper(reading, layout)
    fast = fast_lines(reading, layout, [line.text for line in sample])
    try:
        if fast is None:
            yield from _by_lines(reading, grouper)
        else:
            yield from _Blocks(reading, grouper, fast).batches()
        if reading.seam.rest is not None:
            reading.seam.joined = grouper.go_on(reading.seam.rest)
        if (grouped := grouper.finish()) is not None:
            yield from reading.give(*grouped)
        yield from reading.end()
    finally:
        reading.describe(layout.forms_used())


def _by_lines(reading: Reading, grouper: Grouper) -> Iterator[Batch]:
    take = grouper.take
    for block in reading.text.clean_blocks():
        lines = block.data.removesuffix(b"\n").decode("utf-8", "surrogateescape").split("\n")
        reading.report.lines = block.line + len(lines) - 1
        for number, line in enumerate(lines, block.line):
            grouped = take(number, line)
            if grouped is not None:
                yield from reading.give(*grouped)


class _Blocks:
    """Blocks of lines, read by the compiled reader where it can, and line by line where it stops."""

    def __init__(self, reading: Reading, grouper: Grouper, fast: FastLines) -> None:
        self._reading = reading
        self._grouper = grouper
        self._fast = fast
        self._data = b""
        self._at = 0
        self._line = 1
        self._at_once = 1

    def batches(self) -> Iterator[Batch]:
        for block in self._reading.text.clean_blocks():
            data = block.data if block.data.endswith(b"\n") else block.data + b"\n"
            if self._at == len(self._data):
                self._data, self._line = data, block.line
            else:
                self._data = self._data[self._at :] + data
            self._at = 0
            self._reading.report.lines = block.line + block.data.count(b"\n") - block.data.endswith(b"\n")
            yield from self._block(final=False)
        if self._reading.seam.rest is None:
            yield from self._block(final=True)
        else:
            yield from self._slowly(len(self._data))  # the last entry stays open

    def _block(self, *, final: bool) -> Iterator[Batch]:
        problem = -1
        while self._at < len(self._data):
            if self._grouper.open or self._reading.is_for_python(self._line) or problem >= 0:
                yield from self._slowly(problem)
                problem = -1
                continue
            batcher = self._reading.batcher
            scanned = self._fast.scan(
                self._data, self._at, self._line, batcher.room(), final=final, empty=batcher.empty
            )
            yield from self._take(scanned)
            if scanned.reason == FULL:
                yield from batcher.close()
                continue
            if scanned.starts:
                self._at_once = 1
            if scanned.reason == LINE or (
                scanned.reason == OFFSET and not self._fast.times.learn(scanned.local)
            ):
                problem = scanned.problem
                self._at_once = min(self._at_once * 2, _MOST_AT_ONCE)
            elif scanned.reason != OFFSET:
                break
        if len(self._data) - self._at > MAX_ENTRY:
            yield from self._slowly(len(self._data))  # which says that the entry is too long

    def _take(self, scanned: Scanned) -> Iterator[Batch]:
        self._at, self._line = scanned.done, scanned.done_line
        if not scanned.starts:
            return
        report = self._reading.report
        report.entries += len(scanned.starts)
        report.continuation_lines += scanned.below
        report.seen(scanned.first, scanned.last)
        yield from self._reading.batcher.extend(scanned.body, scanned.starts, scanned.end_line)

    def _slowly(self, problem: int) -> Iterator[Batch]:
        """Reads line by line up to an entry that begins behind the place `problem`.

        It is the first one, or a later one where the compiled reader has taken none for some time.
        """
        left = self._at_once // 2
        while self._at < len(self._data):
            begin = self._at
            end = self._data.index(b"\n", begin) + 1
            line = self._data[begin : end - 1].decode("utf-8", "surrogateescape")
            grouped = self._grouper.take(self._line, line)
            if grouped is not None:
                yield from self._reading.give(*grouped)
            if self._grouper.begun == self._line:
                if begin > problem and not self._reading.is_for_python(self._line):
                    left -= 1
                    if left <= 0:
                        self._grouper.drop()
                        return
                if left <= 1:
                    self._fast.times.adapt(line)
            self._at = end
            self._line += 1


READER = Reader("text whose lines begin with a time, with the lines below it", _recognises, _read)
