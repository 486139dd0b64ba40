"""Finds how the lines of a file carry their time, by those at its beginning."""

import contextlib
import re
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from typing import NamedTuple

from logleap.client.logfiles._errors import BadLine, shown
from logleap.client.logfiles._layout.behind import KINDS, Seen, Undecided, kinds_of
from logleap.client.logfiles._layout.layout import CustomLayout, Layout, Lead, Line
from logleap.client.logfiles._layout.orders import order_of
from logleap.client.logfiles._layout.stamps import (
    Stamp,
    at_front,
    behind_marks,
    behind_words,
    compiled,
    further_in,
    may_begin_with_a_time,
    may_hold_a_time,
)
from logleap.client.logfiles._times.clock import Clock, Order
from logleap.client.logfiles._times.custom import custom_expression
from logleap.client.logfiles._times.forms import (
    AMPM,
    ANYTHING,
    BLANK,
    FORMS,
    MONTHS,
    NOTHING,
    Behind,
    Form,
    Strength,
    expression,
    zone,
)
from logleap.client.logfiles._times.years import Years
from logleap.client.logfiles._times.zones import Zones

_MOST = 0.9
_ENOUGH = 500


class NoTimes(BadLine):
    """No line of the sample has a time that is known; `line` is the first that should."""

    def __init__(self, line: int, detail: str) -> None:
        super().__init__(detail)
        self.line = line


class _Hit(NamedTuple):
    line: Line
    form: int
    found: "re.Match[str]"


_DAY_ALONE = re.compile(r"[\[(]?\d{4}-\d\d-\d\d(?!\d)")
_CLOCK_ALONE = re.compile(r"[\[(]?\d\d?:\d\d")
_COMPACT = re.compile(r"(?<!\d)(?:\d{6}(?:\d\d)?(?:\d{6})?(?!\d)|\d\d[-./]\d\d?[ ,T])")
_COUNTED = re.compile(r"(?<!\d)1\d{9}(?!\d)")


def hint(line: str) -> str:
    """What may help with a line in which no time was found."""
    if _DAY_ALONE.match(line):
        return "It has a date without a time of day: --timestamp-format %Y-%m-%d reads it. "
    if _CLOCK_ALONE.match(line):
        return "It has a time of day, but no date: let the program write both. "
    if _COUNTED.search(line):
        return "If a number in it counts seconds since 1970: --timestamp-format %s. "
    return ""


class Finder:
    """Finds the layout of a file by its first lines."""

    def __init__(self, zones: Zones, years: Years, timestamp_format: str | None) -> None:
        """ValueError if the format is unusable."""
        self._zones = zones
        self._years = years
        self._custom = timestamp_format
        self._expression = custom_expression(timestamp_format) if timestamp_format is not None else None

    def known_forms(self) -> str:
        """What to tell someone whose times were not found: the forms, and the way to name another."""
        if self._custom is not None:
            return f"The times were to have the form {self._custom!r} (--timestamp-format)"
        examples = "; ".join(form.example for form in FORMS)
        return f"Known are such as {examples}. Name another with --timestamp-format, such as '%d.%b.%y %Hh%M'"

    def find(self, lines: Iterable[Line]) -> Layout:
        """The layout of a file that begins with these lines. Raises NoTimes, Undecided."""
        filled = [line for line in lines if line.text.strip()]
        if self._expression is not None:
            return self._find_custom(filled, self._expression)
        hits = _Hits(_spread(filled), [(form.name, expression(form, ANYTHING)) for form in FORMS])
        if not hits.front and not hits.leaded and filled and filled[0].text[:1] in " \t":
            unindented = [Line(line.number, line.text.lstrip(" \t")) for line in filled]
            if _Hits(unindented[:20], [(form.name, expression(form, ANYTHING)) for form in FORMS]).front:
                layout = self.find(unindented)
                layout._indented = True
                return layout
        number = self._find_numbers(filled, hits)
        if number is not None:
            return number
        if not hits.front and not hits.leaded:
            where = filled[0] if filled else Line(1, "")
            raise NoTimes(
                where.number,
                f"{shown(where.text)} begins with no known time. {hint(where.text)}{self.known_forms()}",
            )
        return self._chosen(filled, hits)

    def _chosen(self, filled: Sequence[Line], hits: "_Hits") -> Layout:
        lead = _lead(hits)
        stamped = hits.leaded + hits.front if lead else hits.front
        _refuse_commas(stamped)
        counts = Counter(hit.form for hit in stamped)
        usual = [form for form, _ in counts.most_common()]
        rest = [at for at, form in enumerate(FORMS) if form.strength is Strength.STRONG and at not in counts]
        front, leaded, texts = [], [], []
        orders = {}
        for at in usual + rest:
            hits_of = [hit for hit in stamped if hit.form == at]
            if at == usual[0] and lead is None:  # what only a few lines have is text: look at all of them
                every = compiled(at_front(expression(FORMS[at], ANYTHING)))
                hits_of = [_Hit(line, at, found) for line in filled if (found := every.match(line.text))]
            behind, absent = _behind(hits_of)
            text = expression(FORMS[at], behind)
            texts.append(text)
            order = orders[at] = order_of(_dates(hits_of, filled, text), self._years.latest)
            front.append(self._stamp(FORMS[at], at_front(text), order, absent))
            leaded.append(self._stamp(FORMS[at], further_in(text), order, absent))
        priorities = sum(1 for hit in hits.front if hit.found["priority"])
        layout = Layout(
            front, leaded, lead, indented=False, custom=False, with_priority=priorities > hits.lines / 2
        )
        if lead is not None:
            layout.look_first(_quick_expression(texts[0], lead))
        self._settle_years(stamped, orders)
        return layout

    def _settle_years(self, stamped: Sequence[_Hit], orders: dict[int, Order | None]) -> None:
        days: list[tuple[int, int]] = []
        for hit in stamped:
            if {"Y", "n3"} & hit.found.re.groupindex.keys():
                continue
            part = hit.found.groupdict()
            if part.get("Y") or part.get("y") or part.get("n3") or part.get("year") or part.get("s"):
                continue
            order = orders.get(hit.form)
            month = part[order.month] if order else part.get("m")
            name = part.get("b")
            number = MONTHS.index(name.lower()) + 1 if name else int(month or 0)
            day = int((part[order.day] if order else part.get("d")) or 0)
            if 1 <= number <= 12 and 1 <= day <= 31 and days[-1:] != [(number, day)]:
                days.append((number, day))
        with contextlib.suppress(ValueError):  # no possible day: the line is refused when it is read
            self._years.settle(days)

    def _stamp(
        self, form: Form, text: str, order: Order | None, absent: frozenset[str] = frozenset()
    ) -> Stamp:
        return Stamp(form.name, text, lambda pattern: Clock(pattern, self._zones, self._years, order), absent)

    def _find_numbers(self, filled: Sequence[Line], hits: "_Hits") -> Layout | None:
        """The layout of lines that all begin with a number that counts from 1970; None if they don't."""
        dated = len(hits.front) + sum(1 for hit in hits.leaded if len(hit.found["lead"].split()) == 1)
        if not filled or dated > hits.lines * _MOST:
            return None  # the number is the line's, or the program's, and the time stands behind it
        for form in FORMS:
            if form.strength is not Strength.NUMBER:
                continue
            text = expression(form, NOTHING)
            if "?P<day>" in text:
                source = rf"(?P<lead>(?:\S+ )?)(?P<opened>\0)?(?P<time>{text})(?P<closed>\0)?{BLANK}*"
            else:
                source = at_front(text)
            pattern = compiled(source)
            found = [pattern.match(line.text) for line in filled]
            first = next((match for match in found if match), None)
            if first is None or not found[0]:
                continue
            stamp = self._stamp(form, source, None)
            try:
                stamp.read(filled[0].text)
            except BadLine:
                continue
            missing = next((line for line, match in zip(filled, found, strict=True) if not match), None)
            if missing is not None:
                if sum(match is not None for match in found) < len(found) / 2 or hits.front:
                    continue
                raise NoTimes(
                    missing.number,
                    f"{shown(missing.text)} begins with no number, as the lines before do, so it is not sure "
                    f"that {first['time']!r} is a time. If it is: --timestamp-format %s",
                )
            if len({len(match["s"]) for match in found if match}) > 1:
                continue
            return Layout([stamp], [], None, indented=False, custom=False)
        return None

    def _find_custom(self, filled: Sequence[Line], text: str) -> Layout:
        groups = re.compile(text).groupindex
        passed = ("" if "p" in groups else f"(?:{AMPM}(?![A-Za-z]))?") + (
            "" if "z" in groups else zone(ANYTHING)
        )
        hits = _Hits(_spread(filled), [("--timestamp-format", text + passed)])
        if not hits.front and not hits.leaded:
            where = filled[0] if filled else Line(1, "")
            raise NoTimes(where.number, f"{shown(where.text)} begins with no such time. {self.known_forms()}")
        lead = _lead(hits)
        stamped = hits.leaded + hits.front if lead else hits.front
        if "s" not in groups:
            _refuse_passed_over(stamped, groups)
        over = "" if "z" in groups or "s" in groups else r"(?![Zz](?![A-Za-z])| ?[+-]\d\d:\d\d)"
        custom = Form("--timestamp-format", "", "")
        front = self._stamp(custom, at_front(text + over), None)
        leaded = self._stamp(custom, further_in(text + over), None)
        others = [
            self._stamp(form, at_front(expression(form, NOTHING)), None)
            for form in FORMS
            if form.strength is Strength.STRONG
        ]
        layout = CustomLayout([front], [leaded], lead, indented=False, custom=True, others=others)
        self._settle_years(stamped if not {"Y", "y", "s", "j"} & groups.keys() else [], {})
        return layout


class _Hits:
    """The lines of a sample that have a time, at their front or further in."""

    def __init__(self, filled: Sequence[Line], forms: Sequence[tuple[str, str]]) -> None:
        custom = len(forms) == 1
        self.lines = len(filled)
        front = [at_front(text) for _, text in forms]
        inner = [further_in(text) for _, text in forms]
        weak = [not custom and FORMS[index].strength is Strength.WEAK for index in range(len(forms))]
        self.front: list[_Hit] = []
        self.leaded: list[_Hit] = []
        doubtful: list[_Hit] = []
        doubtful_leads: list[_Hit] = []
        order = [
            index for index in range(len(forms)) if custom or FORMS[index].strength is not Strength.NUMBER
        ]
        strong = [index for index in order if not weak[index]]
        for line in filled:
            text = line.text
            hit = _hit(line, front, order) if custom or may_begin_with_a_time(text) else None
            if hit is not None:
                (doubtful if weak[hit.form] else self.front).append(hit)
                order.remove(hit.form)
                order.insert(0, hit.form)  # most likely the next line's, too
            elif text[:1] not in " \t" and (custom or may_hold_a_time(text)):
                hit = _hit(line, inner, strong)
                if hit is not None:
                    self.leaded.append(hit)
                    strong.remove(hit.form)
                    strong.insert(0, hit.form)
            if hit is None and not custom and text[:1] not in " \t" and _COMPACT.search(text):
                hit = _hit(line, inner, [index for index in order if weak[index]])
                if hit is not None:
                    doubtful_leads.append(hit)
        if len(doubtful) >= len(filled) / 2 or (
            doubtful and not self.front and not self.leaded and _begins(doubtful, filled)
        ):
            self.front += doubtful
        elif len(doubtful_leads) >= len(filled) * _MOST:
            self.leaded += doubtful_leads


def _spread(lines: Sequence[Line]) -> Sequence[Line]:
    """Enough lines to find the form by: the first ones, and as many of the others."""
    others = lines[_ENOUGH:]
    return [*lines[:_ENOUGH], *others[:: len(others) // _ENOUGH + 1]]


def _begins(hits: Sequence[_Hit], filled: Sequence[Line]) -> bool:
    return hits[0].line.number == filled[0].number


def _dates(hits: Sequence[_Hit], filled: Sequence[Line], text: str) -> Sequence["re.Match[str]"]:
    """The dates that may tell which of their numbers is the day: those of all lines."""
    if not hits or "n1" not in hits[0].found.re.groupindex:
        return ()
    patterns = compiled(at_front(text)), compiled(further_in(text))
    found = (patterns[0].match(line.text) or patterns[1].match(line.text) for line in filled)
    return [match for match in found if match is not None]


def _hit(line: Line, expressions: Sequence[str], order: Sequence[int]) -> _Hit | None:
    for index in order:
        found = compiled(expressions[index]).match(line.text)
        if found is not None:
            return _Hit(line, index, found)
    return None


def _behind(stamped: Sequence[_Hit]) -> tuple[Behind, frozenset[str]]:
    """What is looked for behind a form's times, and what of it no time has so far: refused if it comes."""
    seen = Seen()
    for hit in stamped:
        seen.add(hit.found, hit.line.number)
    behind, absent = seen.decide()
    return Behind(**{name: getattr(behind, name) or name in absent for name in KINDS}), absent


def _refuse_passed_over(stamped: Sequence[_Hit], groups: Container[str]) -> None:
    """Raises Undecided if a part of the time stands behind what the format names."""
    seen = Seen()
    for hit in stamped:
        named = hit.found.re.groupindex
        zone_text = hit.found["z"] if "z" in named and "z" not in groups else None
        if zone_text and not [kind for kind in kinds_of(hit.found) if kind != "ampm"]:
            raise NoTimes(
                hit.line.number,
                f"{zone_text.strip()!r} stands behind the time, and the format has no %z or %Z for it. Add "
                "it to --timestamp-format",
            )
        seen.add(hit.found, hit.line.number)
    try:
        behind, _ = seen.decide()
    except Undecided as undecided:
        raise NoTimes(undecided.line, str(undecided)) from None
    for kind, directive in (
        ("ampm", "%p"),
        ("abbreviation", "%Z"),
        ("four_digits", "%z"),
        ("two_digits", "%z"),
    ):
        inner = "p" if kind == "ampm" else "z"
        if getattr(behind, kind) and inner not in groups:
            first = next(hit for hit in stamped if kind in kinds_of(hit.found))
            raise NoTimes(
                first.line.number,
                f"{(first.found[inner] or '').strip()!r} stands behind the time, and the format passes over "
                f"it. Add {directive} to --timestamp-format",
            )


def _refuse_commas(stamped: Sequence[_Hit]) -> None:
    """Raises NoTimes if digits behind a comma may be a fraction of the second, or the next column."""
    digits: dict[int, _Hit] = {}
    doubtful = False
    for hit in stamped:
        groups = hit.found.re.groupindex
        start = hit.found.start("f") if "f" in groups else -1
        if start > 0 and hit.found.string[start - 1] == ",":
            length = len(hit.found["f"])
            digits.setdefault(length, hit)
            doubtful |= length % 3 > 0 and hit.found.string[hit.found.end("time") :].startswith((",", ";"))
    if len(digits) > 1 or doubtful:
        hit = next(iter(digits.values()))
        raise NoTimes(
            hit.line.number,
            f"in {hit.found['time']!r} the digits behind the comma may be a fraction of the second, or "
            "text that follows: their number differs. Name the form: --timestamp-format, with ,%f or without",
        )


def _quick_expression(text: str, lead: Lead) -> str:
    if lead.mark is not None:
        return behind_marks(text, lead.mark, lead.marks)
    return behind_words(text, None if lead.any_words else max(lead.words or (0,)))


def _lead(hits: _Hits) -> Lead | None:
    """What stands before the times, if most of them do not begin their line."""
    leaded = hits.leaded
    if len(leaded) <= len(hits.front):
        return None
    leads = [hit.found["lead"] for hit in leaded]
    for mark in "\t;|,":
        counts = {lead.count(mark) for lead in leads}
        if (
            len(counts) == 1
            and 0 not in counts
            and all(lead.rstrip(" [(\"'").endswith(mark) for lead in leads)
        ):
            return Lead(mark, counts.pop(), None, any_words=False)
    if all(hit.found["opened"] == "[" for hit in leaded):
        return Lead(None, 0, None, any_words=True)
    words = Counter(len(lead.split()) for lead in leads)
    most = len(leaded) + len(hits.front) >= hits.lines / 2
    if not most:  # the others may be text that names a time
        words = Counter({count: lines for count, lines in words.items() if lines >= len(leaded) / 3})
    return Lead(None, 0, frozenset(words), any_words=most and len(words) > 1)
