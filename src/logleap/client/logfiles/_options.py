"""How a log file is to be read, as far as that is said."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Literal

from logleap.client.logfiles._entries.folds import Repeated
from logleap.client.logfiles._times.years import Years
from logleap.client.logfiles._times.zones import Zones
from logleap.codecs.mappings import BUILT_IN, FieldMapping

OnBadLine = Literal["refuse", "skip"]


def _tomorrow() -> date:
    return (datetime.now(UTC) + timedelta(days=1)).date()


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a log file is to be read.

    Args:
        format: One of `READERS`, or "auto": told by the file's beginning, and its name.
        encoding: As Python names it. None: UTF-8, or UTF-16 and UTF-32 that show by their mark or pattern.
        timezone: For times that name no zone. None: UTC.
        timestamp_format: A strptime format, for times in none of the known forms.
        year: The year of the first entry, for times that name none. None: the latest that does not put it
            after the day `latest`.
        on_bad_line: "skip" leaves out and reports lines that cannot be told apart.
        columns: For tables: which columns are `timestamp` (joined by a blank), and which is `message`.
        mapping: For JSON: the name of the mapping by which its fields are timestamp and message.
        mappings: Those that there are.
        repeated_hour: Which is meant of the hours that a change of clocks repeats, where the order does not
        tell.
        latest: No time without a year is put after this day: tomorrow.
        skip_lines: Entries that begin on the file's lines up to this one are read, but not given.
        unpacked_bytes: What a packed file may have at most. None: any amount.
    """

    format: str = "auto"
    encoding: str | None = None
    timezone: tzinfo | None = None
    timestamp_format: str | None = None
    year: int | None = None
    on_bad_line: OnBadLine = "refuse"
    columns: Mapping[str, tuple[str, ...]] | None = None
    mapping: str | None = None
    mappings: Mapping[str, FieldMapping] = field(default_factory=lambda: BUILT_IN)
    repeated_hour: Repeated | None = None
    latest: date = field(default_factory=_tomorrow)
    skip_lines: int = 0
    unpacked_bytes: int | None = None

    @property
    def skip(self) -> bool:
        """Whether bad lines are left out."""
        return self.on_bad_line == "skip"

    def zones(self) -> Zones:
        """The zones in a file's times."""
        return Zones(self.timezone or UTC, given=self.timezone is not None)

    def years(self) -> Years:
        """The years of a file's times without any, from its first line on."""
        return Years(self.year, self.latest)
