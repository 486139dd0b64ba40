"""What the values of one variable position are, in bounded memory, whatever order they come in.

Values are counted exactly up to a bound of distinct ones. Beyond it only what does not depend on their order
is kept: how many are numbers, by unit, their extremes, and a sketch of how they lie.
"""

import re
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal

from logleap.miner.model import Numbers, Position

UNITS = (
    "%", "B", "KB", "kB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB", "K", "k", "M", "G", "T",
    "ns", "us", "µs", "ms", "s", "sec", "secs", "second", "seconds", "min", "mins", "minute", "minutes",
    "m", "h", "hour", "hours", "d", "day", "days", "C", "°C", "F", "°F", "V", "mV", "A", "mA", "W", "kW",
    "Hz", "kHz", "MHz", "GHz", "rpm", "x",
)  # fmt: skip
"""What may follow a number, with a blank between or without, so that it is still a number."""

QUANTILES = ("0.01", "0.05", "0.25", "0.5", "0.75", "0.95", "0.99")

LARGEST = 10**18
"""Larger numbers count as text: they are identifiers."""

_TYPES = (
    ("uuid", r"\{?[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\}?"),
    ("time", r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.,]+(?:Z|[+-][0-9:]+)?)?"),
    ("clock", r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?"),
    ("ip", r"/?[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?::[0-9]{1,5}|/[0-9]{1,2})?"),
    ("ipv6", r"\[?[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}\]?"),
    ("hex", r"0[xX][0-9a-fA-F]+|(?=[0-9a-fA-F]*[0-9])[0-9a-fA-F]{8,128}"),
    ("url", r"[A-Za-z][A-Za-z0-9+.-]*://\S+"),
    ("path", r"(?:~|\.\.?|[A-Za-z]:)?[/\\]\S*"),
    ("list", r"[^\s,;]+\s?(?:[,;]\s?[^\s,;]+)+"),
    ("word", r"\S+"),
)  # fmt: skip
_SAME = {"clock": "time", "ipv6": "ip"}
_KIND = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _TYPES), re.ASCII)
_NUMBER = re.compile(
    r"(-?[0-9]{1,18}(?:\.[0-9]{1,18})?)(?: ?(" + "|".join(map(re.escape, UNITS)) + "))?", re.ASCII
)

_MANTISSA = 45  # bits of a double's 52 that a bucket leaves out: 7 stay, so a bucket is 1/128 wide

Number = int | float

Sketches = Sequence[tuple[str, int, Number, Number, Mapping[int, int]]]
"""Unit, how many numbers, the least and the greatest one, and how many are in each bucket."""


def number_of(value: str) -> tuple[str, Number] | None:
    """The unit ("" without) and the number that a value is; None if it is none."""
    found = _NUMBER.fullmatch(value)
    if found is None:
        return None
    digits, unit = found[1], found[2] or ""
    return unit, (float(digits) + 0.0 if "." in digits else int(digits))  # no -0.0


_LONG = 1_000  # characters


def weight_of(value: str) -> int:
    """For how many values it counts: a long one for more, one for every 1,000 characters.

    So as many values as are counted exactly never take much memory.
    """
    return 1 + len(value) // _LONG


def type_of(value: str) -> str:
    """The type of a value: `number`, `uuid`, `time`, `ip`, `hex`, `url`, `path`, `list`, `word`, `text`."""
    if number_of(value) is not None:
        return "number"
    found = _KIND.fullmatch(value[:2000])
    kind = (found.lastgroup or "text") if found else "text"
    return _SAME.get(kind, kind)


def decimal(number: Number) -> str:
    """A number as decimal text: the shortest that is the same double, without an exponent."""
    if isinstance(number, int):
        return str(number)
    text = f"{Decimal(repr(number)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class Sketch:
    """How numbers lie: counts in buckets, whose width is 1/128 of their place. Exact in what it counts.

    A bucket is the upper bits of a number as a double (IEEE 754): integers alone, so the same on every
    machine, in every order, and merged as if all had come to one. (The idea of HdrHistogram and DDSketch.)
    """

    def __init__(self) -> None:
        self.buckets: Counter[int] = Counter()
        self.count = 0
        self.minimum: Number = 0
        self.maximum: Number = 0

    def add(self, numbers: Sequence[Number], each: int = 1) -> None:
        """Count each of these finite numbers `each` times."""
        least, most = min(numbers), max(numbers)
        self.minimum = _first(least, self.minimum, least < self.minimum) if self.count else least
        self.maximum = _first(most, self.maximum, most > self.maximum) if self.count else most
        self.count += len(numbers) * each
        bits = memoryview(array("d", numbers)).cast("B").cast("Q")
        found = Counter([bit >> _MANTISSA for bit in bits])
        for bucket, count in found.items():
            self.buckets[bucket] += count * each

    def merge(self, other: "Sketch") -> None:
        """Count all that the other one did."""
        if not self.count:
            self.minimum, self.maximum = other.minimum, other.maximum
        elif other.count:
            self.minimum = _first(other.minimum, self.minimum, other.minimum < self.minimum)
            self.maximum = _first(other.maximum, self.maximum, other.maximum > self.maximum)
        self.count += other.count
        self.buckets.update(other.buckets)

    def quantiles(self) -> dict[str, str]:
        """By each of `QUANTILES`, the end nearer to zero of the bucket that it lies in."""
        found: dict[str, str] = {}
        ordered = sorted((_edge(bucket), count) for bucket, count in self.buckets.items())
        ranks = [(name, int(float(name) * 100 + 0.5) * (self.count - 1) // 100) for name in QUANTILES]
        below = at = 0
        for edge, count in ordered:
            below += count
            while at < len(ranks) and ranks[at][1] < below:
                within = min(max(edge, self.minimum), self.maximum)
                found[ranks[at][0]] = decimal(int(within) if int(within) == within else within)
                at += 1
        return found


def _first(new: Number, known: Number, beyond: bool) -> Number:
    """The one that counts as an end.

    Of an integer and an equal decimal, which may be written otherwise, it is the integer in every order.
    """
    return new if beyond or (new == known and isinstance(new, int)) else known


def _edge(bucket: int) -> float:
    return float(memoryview(array("Q", [bucket << _MANTISSA])).cast("B").cast("d")[0])


class Values:
    """The values of a position so far."""

    __slots__ = ("bound", "counts", "numbers", "others", "weight")

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self.counts: Counter[str] | None = Counter()
        """Each distinct value's count; None once they weigh more than `bound`."""
        self.weight = 0
        """What they weigh together (`weight_of`)."""
        self.numbers: dict[str, Sketch] = {}
        """By unit; only beyond the bound."""
        self.others = 0
        """How many are no number; only beyond the bound."""

    @classmethod
    def of(cls, bound: int, found: "Mapping[str, int] | tuple[int, Sketches]") -> "Values":
        """Values that were gathered elsewhere: all counts, or how many are no number, and sketches."""
        values = cls(bound)
        if not isinstance(found, tuple):
            values.counts = Counter(found)
            values.weight = sum(map(weight_of, found))
            return values
        values.counts = None
        values.others, sketches = found
        for unit, count, least, most, buckets in sketches:
            sketch = values._sketch(unit)
            sketch.count, sketch.minimum, sketch.maximum = count, least, most
            sketch.buckets = Counter(buckets)
        return values

    def add(self, values: Sequence[str]) -> None:
        """Count these values, one or more."""
        if self.counts is None:
            self._add_numbers(values)
        else:
            self.weight += sum(map(weight_of, set(values).difference(self.counts)))
            self.counts.update(values)
            if self.weight > self.bound:
                self._overflow()

    def add_counted(self, value: str, count: int) -> None:
        """Count one value so many times."""
        if self.counts is None:
            self._add_number(value, count)
        else:
            if value not in self.counts:
                self.weight += weight_of(value)
            self.counts[value] += count
            if self.weight > self.bound:
                self._overflow()

    def merge(self, other: "Values") -> None:
        """Count all that the other one did."""
        if other.counts is not None:
            for value, count in other.counts.items():
                self.add_counted(value, count)
            return
        if self.counts is not None:
            self._overflow()
        for unit, sketch in other.numbers.items():
            self._sketch(unit).merge(sketch)
        self.others += other.others

    def position(self, bound: int, listed: int, first: str, last: str) -> Position:
        """What is known of the position. `first` and `last` are its values in the template's examples."""
        if self.counts is not None and self.weight <= bound:
            types: Counter[str] = Counter()
            sketches: dict[str, Sketch] = {}
            for value, count in self.counts.items():
                types[type_of(value)] += count
                number = number_of(value)
                if number is not None:
                    sketches.setdefault(number[0], Sketch()).add([number[1]], count)
            top = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:listed]
            return Position(dict(types), True, len(self.counts), tuple(top), _numbers(sketches, first, last))
        if self.counts is not None:
            self._overflow()
        types = Counter({"number": count} if (count := sum(s.count for s in self.numbers.values())) else {})
        if self.others:
            kinds = [kind for kind in map(type_of, (first, last)) if kind != "number"]
            types[kinds[0] if kinds else "text"] = self.others
        return Position(dict(types), False, bound + 1, (), _numbers(self.numbers, first, last))

    def _overflow(self) -> None:
        counts, self.counts = self.counts, None
        for value, count in (counts or {}).items():
            self._add_number(value, count)

    def _sketch(self, unit: str) -> Sketch:
        sketch = self.numbers.get(unit)
        if sketch is None:
            sketch = self.numbers[unit] = Sketch()
        return sketch

    def _add_number(self, value: str, count: int) -> None:
        number = number_of(value)
        if number is None:
            self.others += count
        else:
            self._sketch(number[0]).add([number[1]], count)

    def _add_numbers(self, values: Sequence[str]) -> None:
        """As `_add_number` for each, but fast where all are numbers of one unit, or none is."""
        alike = numbers_of(values)
        if alike is not None:
            self._sketch(alike[0]).add(alike[1])
            return
        if _BEGINNINGS.isdisjoint([value[:1] for value in values]):
            self.others += len(values)
            return
        for value, number in zip(values, map(_NUMBER.fullmatch, values), strict=True):
            if number is not None:
                self._add_number(value, 1)
            else:
                self.others += 1


def numbers_of(values: Sequence[str]) -> tuple[str, list[Number]] | None:
    """The unit and the numbers of these values, one or more, as `number_of` gives them: fast.

    None where they are not written alike, or are no numbers: then look at each of them.
    """
    first = _NUMBER.fullmatch(values[0])
    if first is None:
        return None
    written = first[0][first.end(1) :]
    text = "\n".join(values)
    if text.count("\n") != len(values) - 1:
        return None  # a value with a line break, which must not pass for two
    if written:
        shorter = text.replace(f"{written}\n", "\n").removesuffix(written)
        # A value without the unit must not pass for one with it.
        text = shorter if len(text) - len(shorter) == len(written) * len(values) else ""
    if _WHOLE.fullmatch(text):
        return first[2] or "", list(map(int, text.split("\n")))
    if _DECIMALS.fullmatch(text):
        return first[2] or "", [float(digits) + 0.0 for digits in text.split("\n")]
    return None


_BEGINNINGS = frozenset("-0123456789")  # of a number
_WHOLE = re.compile(r"-?[0-9]{1,18}(?:\n-?[0-9]{1,18})*", re.ASCII)
_DECIMALS = re.compile(r"-?[0-9]{1,18}\.[0-9]{1,18}(?:\n-?[0-9]{1,18}\.[0-9]{1,18})*", re.ASCII)


def _numbers(sketches: Mapping[str, Sketch], first: str, last: str) -> tuple[Numbers, ...]:
    ends = [number_of(first), number_of(last)]
    return tuple(
        Numbers(
            unit=unit,
            count=sketch.count,
            minimum=decimal(sketch.minimum),
            maximum=decimal(sketch.maximum),
            first=decimal(ends[0][1]) if ends[0] and ends[0][0] == unit else None,
            last=decimal(ends[1][1]) if ends[1] and ends[1][0] == unit else None,
            quantiles=sketch.quantiles(),
        )
        for unit, sketch in sorted(sketches.items())
    )
