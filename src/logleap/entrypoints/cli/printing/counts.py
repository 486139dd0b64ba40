"""Counted nouns, for people."""

_PLURALS = {"batch": "batches", "entry": "entries"}


def counted(number: int, noun: str) -> str:
    """`1 entry`, `1,200 entries`: the noun is given in the singular."""
    *before, last = noun.split(" ")
    plural = " ".join([*before, _PLURALS.get(last, f"{last}s")])
    return f"{number:,} {noun if number == 1 else plural}"
