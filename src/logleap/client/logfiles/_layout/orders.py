"""Which number of a date is the day and which the month: the dates of the file tell, or nobody knows."""

import re
from collections.abc import Sequence
from datetime import date

from logleap.client.logfiles._times.clock import Order, year_of
from logleap.client.logfiles._times.forms import WEEKDAYS

_TWO = (Order("n1", "n2"), Order("n2", "n1"))
_THREE = (Order("n1", "n2", "n3"), Order("n2", "n1", "n3"), Order("n3", "n2", "n1"))


def order_of(dates: Sequence["re.Match[str]"], latest: date) -> Order | None:
    """The only order by which all of these exist and none is after `latest`.

    None if there are several such orders or none, or nothing is open.
    """
    if not dates:
        return None
    names = dates[0].re.groupindex
    parts = {
        (found["n1"], found["n2"], found["n3"] if "n3" in names else None, found["a"]): found
        for found in dates
    }
    possible = [
        order
        for order in (_THREE if "n3" in names else _TWO)
        if all(_exists(found, order, latest) for found in parts.values())
    ]
    return possible[0] if len(possible) == 1 else None


def _exists(found: "re.Match[str]", order: Order, latest: date) -> bool:
    part = found.groupdict()
    year = 2000
    if part.get("Y"):
        year = int(part["Y"])
    elif order.year:
        year = year_of(part[order.year])
    try:
        day = date(year, int(part[order.month]), int(part[order.day]))
    except ValueError:
        return False
    if day > latest and (part.get("Y") or order.year):
        return False
    weekday = part.get("a")
    return not weekday or "Y" not in part or WEEKDAYS[day.weekday()] == weekday.lower()
