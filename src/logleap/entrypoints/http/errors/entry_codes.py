"""Every code that a bad entry can have, with what it means and what to do about it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class EntryMeaning(NamedTuple):
    """What an entry's code stands for: a sentence, and the remedy."""

    meaning: str
    remedy: str


ENTRY_PROBLEMS: Mapping[str, EntryMeaning] = MappingProxyType(
    {
        "CONTEXT_TOO_DEEP": EntryMeaning(
            "`context`, or another field, is nested too deeply.",
            "Send the context as a string that contains the JSON.",
        ),
        "ENTRY_TOO_LARGE": EntryMeaning(
            "With `mapping`: a log record of an export is larger than an entry may be, or a message becomes "
            "longer than its record when its pattern is filled in.",
            "Shorten it.",
        ),
        "ENTRY_NOT_AN_OBJECT": EntryMeaning(
            "The entry is not a JSON object.",
            "Send an object with `timestamp` and `message`.",
        ),
        "FIELD_AMBIGUOUS": EntryMeaning(
            "With `mapping`: two fields match the timestamp, or two match the message.",
            "Use a mapping that names only one of them.",
        ),
        "FIELD_REPEATED": EntryMeaning("A field occurs more than once.", "Send it once."),
        "FIELD_UNKNOWN": EntryMeaning(
            "The entry has an unknown field.", "Put it in `context`, or use a `mapping`."
        ),
        "JSON_MALFORMED": EntryMeaning("NDJSON: the line is not JSON.", "Send one entry per line."),
        "MESSAGE_EMPTY": EntryMeaning("The message is empty.", "Give it a text, or omit the entry."),
        "MESSAGE_MISSING": EntryMeaning("The entry has no message.", "Add it."),
        "MESSAGE_NOT_A_STRING": EntryMeaning("The message is not a JSON string.", "Send it as one."),
        "NOT_UTF8": EntryMeaning(
            "NDJSON: the line is not UTF-8. With `mapping`: the bytes of the message are not.",
            "Send it in UTF-8.",
        ),
        "RECORD_MALFORMED": EntryMeaning(
            "With `mapping=otel-file`: a log record has a field of a wrong type.",
            "See what `detail` names.",
        ),
        "SURROGATE_UNPAIRED": EntryMeaning(
            "A string contains half of a character: one half of a surrogate pair.",
            "Check whether it was cut off; send the whole character.",
        ),
        "TIMESTAMP_AMBIGUOUS": EntryMeaning(
            "With `mapping`: the timestamp may mean two times, or contradicts itself.",
            "Have the logger write the offset.",
        ),
        "TIMESTAMP_IMPLAUSIBLE": EntryMeaning(
            "With `mapping`: the number, as the mapping counts it, is a time before 1990 or after 2100.",
            "Use a mapping with the unit that `detail` names (`epoch`).",
        ),
        "TIMESTAMP_INVALID": EntryMeaning(
            "The timestamp is not a valid RFC 3339 date and time.",
            "Send one like `2026-03-02T06:00:00.123456Z`.",
        ),
        "TIMESTAMP_MISSING": EntryMeaning("The entry has no timestamp.", "Add it."),
        "TIMESTAMP_NOT_A_STRING": EntryMeaning("The timestamp is not a JSON string.", "Send it as one."),
        "TIMESTAMP_NO_OFFSET": EntryMeaning(
            "The timestamp has no offset.",
            "End it with `Z` for UTC, or with an offset like `+01:00`; with `mapping`, or send `timezone`.",
        ),
        "TIMESTAMP_OUT_OF_RANGE": EntryMeaning(
            "The timestamp, in UTC, is outside the years 1 to 9999.", "Check whether it is right."
        ),
        "TIMESTAMP_ZONE_UNKNOWN": EntryMeaning(
            "With `mapping`: an abbreviation or name of a time zone that says nothing for sure.",
            "Have the logger write the offset, or send the `timezone` that has this abbreviation.",
        ),
    }
)
