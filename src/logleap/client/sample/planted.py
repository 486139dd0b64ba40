"""Changes to plant in a later week of the sample's application, and what was planted, as JSON.

To try a comparison with: it ought to find these, and nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from random import Random

from logleap.client.sample.orderline import (
    END,
    FIRST_START,
    HOUR,
    MINUTE,
    MONDAY,
    PRINTER_GONE,
    SECOND,
    Line,
    order_line,
)

_NEW_ERRORS = (
    "[ERR] OrderLine.Labels.LabelPrinter: Paper jam in tray {digit}, printing stopped",
    "[ERR] OrderLine.Conveyor.Router: Routing table lost station {digit}: totes go round",
    f"[ERR] OrderLine.Storage.Migrations: Column {{digit}} of table orders is missing\n{PRINTER_GONE}",
    "[ERR] OrderLine.Safety.LightCurtain: Light curtain {digit} does not answer its self test",
    "[FTL] OrderLine.Program: Out of memory while building report {digit}",
)
_ROUTINE = (
    "[DBG] OrderLine.Storage.OrderRepository: Saved ",
    "[DBG] OrderLine.Weighing.Scale: Tote ",
    "[INF] OrderLine.Dispatch.Gate: Order ",
    "[INF] OrderLine.Erp.StockGateway: Stock report delivered ",
    "[DBG] OrderLine.Plant.CoolingMonitor: ",
    "[INF] OrderLine.Picking.Station: Station ",
)
_READING = "[DBG] OrderLine.Conveyor.Drive: Drive "
_WINDING = ", winding "

Entries = list[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Planted:
    """What was planted: the kind of change that a comparison reports for it, the beginning of the messages
    concerned ("" of several), their severity, when it begins (RFC 3339), and how many entries were added,
    removed or altered.
    """

    name: str
    kind: str
    message: str
    severity: str
    begins: str
    entries: int

    def to_json(self) -> Mapping[str, object]:
        """Its members, as JSON has them."""
        return asdict(self)


def plant(names: Sequence[str], seed: int, week: int = 1) -> tuple[Line, list[Planted]]:
    """A later week of the application with these changes (of `PLANTS`), and what they are.

    The same for the same seed. Raises ValueError for an unknown name.
    """
    line = order_line(seed, week)
    chance = _Chance(seed)
    entries, planted = list(line.noted()), []
    for name in names:
        if name not in PLANTS:
            raise ValueError(f"{name} is not a change that can be planted: there are {', '.join(PLANTS)}.")
        kind, message, severity, begin, count = PLANTS[name](entries, chance)
        moment = MONDAY + timedelta(weeks=week, milliseconds=begin)
        planted.append(
            Planted(name, kind, message, severity, moment.isoformat(timespec="milliseconds"), count)
        )
    line.replace(entries)
    return line, planted


class _Chance:
    def __init__(self, seed: int) -> None:
        self._random = Random(f"planted {seed}").random  # noqa: S311 -- no secret depends on it
        self._taken: set[str] = set()

    def number(self, least: int, most: int) -> int:
        """From `least` to `most`, both included."""
        return least + int(self._random() * (most - least + 1))

    def another(self, messages: Sequence[str]) -> str:
        """One that was not taken before, so that changes do not undo each other."""
        left = [message for message in messages if message not in self._taken]
        chosen = left[self.number(0, len(left) - 1)]
        self._taken.add(chosen)
        return chosen


_Kind = tuple[str, str, str, int, int]


def _new_error(entries: Entries, chance: _Chance) -> _Kind:
    message = chance.another(_NEW_ERRORS)
    begin, count = chance.number(FIRST_START + HOUR, END - 8 * HOUR), chance.number(1, 30)
    times = sorted(chance.number(begin, END - MINUTE) for _ in range(count))
    entries += [(time, message.format(digit=chance.number(1, 6))) for time in times]
    severity = "critical" if message.startswith("[FTL]") else "error"
    return "new", message.partition("{")[0], severity, times[0], count


def _disappeared(entries: Entries, chance: _Chance) -> _Kind:
    message = chance.another(_ROUTINE)
    kept = [entry for entry in entries if not entry[1].startswith(message)]
    count = len(entries) - len(kept)
    entries[:] = kept
    return "gone", message, _severity(message), FIRST_START, count


def _tripled(entries: Entries, chance: _Chance) -> _Kind:
    message = chance.another(_ROUTINE)
    more = [
        (min(time + chance.number(SECOND, HOUR), END - SECOND), text)
        for time, text in entries
        if text.startswith(message)
        for _ in range(2)
    ]
    entries += more
    return "shifted", message, _severity(message), min(more)[0], len(more)


def _temperature(entries: Entries, chance: _Chance) -> _Kind:
    begin, count = chance.number(FIRST_START + HOUR, END - 24 * HOUR), chance.number(3, 10)
    readings = sorted(
        (time, at)
        for at, (time, text) in enumerate(entries)
        if time >= begin and text.startswith(_READING) and _WINDING in text
    )
    for time, at in readings[:count]:
        before = entries[at][1].partition(_WINDING)[0]
        entries[at] = time, f"{before}{_WINDING}{chance.number(95, 140)} °C"
    return "value", _READING, "debug", readings[0][0], count


def _warnings(entries: Entries, chance: _Chance) -> _Kind:
    more = [
        (chance.number(FIRST_START + HOUR, END - MINUTE), text)
        for _, text in entries
        if text.startswith("[WRN]")
        for _ in range(3)
    ]
    entries += more
    return "severity", "", "warning", min(more)[0], len(more)


def _severity(message: str) -> str:
    return {"[DBG]": "debug", "[INF]": "info"}[message[:5]]


PLANTS: Mapping[str, Callable[[Entries, _Chance], _Kind]] = {
    "new-error": _new_error,
    "disappeared": _disappeared,
    "tripled": _tripled,
    "temperature": _temperature,
    "warnings": _warnings,
}
"""By name: a new error; a message that disappears; one that comes three times as often; a temperature out of
range; four times as many warnings."""
