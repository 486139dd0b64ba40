"""The changes of a log model since its baseline, for people."""

from collections.abc import Iterator, Mapping
from typing import Any

from logleap.entrypoints.cli.printing import output
from logleap.entrypoints.cli.printing.counts import counted


def describe_changes(found: Mapping[str, Any]) -> Iterator[str]:
    """The changes, as lines: most surprising first, then those before the first error."""
    changes = found["changes"]
    sizes = f"{counted(found['current']['entries'], 'entry')} against {found['baseline']['entries']:,}"
    if not changes:
        yield f"No changes: {sizes}."
        return
    yield f"{counted(len(changes), 'change')}, the most surprising first: {sizes}."
    for number, change in enumerate(changes, start=1):
        yield f"{number:>4}  {change['kind']:<8}  {output.in_a_line(change['sentence'])}"
        entry = next((example["entry"] for example in change["examples"] if example["entry"]), None)
        if entry is not None:
            yield f"{'':>14}  entry {entry['batchId']}:{entry['sequence']}"
    before = found["beforeFirstError"]
    if before:
        yield "Until the first error, in the order of time: " + ", ".join(str(at + 1) for at in before) + "."
