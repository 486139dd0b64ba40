"""A log model's templates as seed templates of the OpenTelemetry Collector's drain processor.

That processor (`processor/drainprocessor` of opentelemetry-collector-contrib; looked at: `config.go` at
commit 2477425, `README.md` at b57c0e2) trains on each string of `seed_templates` at its start. It divides
messages at blanks alone and compares only those with equally many words; in its templates a whole word is
`<*>` or nothing of it is. In a log model a part of a word can be variable, and a variable position can hold
several words (`12 ms`), so the seeds are made from the examples.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

VARIABLE = "<*>"
_CUT = "…"  # ends an example that was too long


def config(templates: Iterable[Mapping[str, Any]], digest: str) -> str:
    """A part of a collector's configuration, YAML. `templates` are a log model's, `digest` is its digest."""
    # A JSON string is one of YAML; the collector takes $ for the beginning of a variable, and $$ for a $.
    seeds = [json.dumps(seed, ensure_ascii=False).replace("$", "$$") for seed in seed_templates(templates)]
    listed = "".join(f"\n      - {seed}" for seed in seeds) or " []"
    return (
        f"# Templates of the log model {digest}, the most frequent first.\n"
        f"processors:\n  drain:\n    seed_templates:{listed}\n"
    )


def seed_templates(templates: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The templates in words, each once."""
    known = set()
    for template in templates:
        text = " ".join(str(template["text"]).split())
        messages = [str(example["message"]) for example in template["examples"]]
        found = [seed for message in messages if (seed := _seed(text, message)) is not None]
        for seed in found or [" ".join(map(_word, text.split()))]:
            if seed and seed not in known:
                known.add(seed)
                yield seed


def _word(word: str) -> str:
    return VARIABLE if VARIABLE in word else word


def _seed(text: str, message: str) -> str | None:
    """The message with each word that has a variable part replaced; None if it does not show the template."""
    if message.endswith(_CUT):
        return None
    words = message.split()
    spans = _variable(text.split(VARIABLE), " ".join(words))
    if spans is None:
        return None
    shown = []
    at = 0
    for word in words:
        end = at + len(word)
        shown.append(VARIABLE if any(start < end and at < stop for start, stop in spans) else word)
        at = end + 1
    return " ".join(shown)


def _variable(literals: Sequence[str], message: str) -> Sequence[tuple[int, int]] | None:
    """Where in the message the variable parts between these literal ones are; None: it does not match.

    The leftmost place of each literal part is right if any is, so this takes linear time.
    """
    first, *between = literals
    if not message.startswith(first):
        return None
    if not between:
        return () if message == first else None
    at = len(first)
    spans = []
    for literal in between[:-1]:
        start = message.find(literal, at + 1)
        if start < 0:
            return None
        spans.append((at, start))
        at = start + len(literal)
    end = len(message) - len(between[-1])
    if not message.endswith(between[-1]) or end <= at:
        return None
    return [*spans, (at, end)]
