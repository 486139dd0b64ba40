"""What scored entries are answered with: NDJSON, a line for each, and a last one with the summary."""

import json
from collections.abc import Mapping, Sequence
from itertools import chain, repeat
from json.encoder import encode_basestring_ascii as quoted

from logleap.domain.errors import EntryError
from logleap.miner.checks import Finding

Json = Mapping[str, object]


class ScoreLines:
    """Writes the lines. It remembers how each template is written: use one for a whole answer."""

    def __init__(self) -> None:
        self._ends: dict[str | None, str] = {}

    def lines(
        self,
        indexes: Sequence[int],
        templates: Sequence[str | None],
        findings: Mapping[int, Sequence[Finding]],
        errors: Sequence[EntryError],
    ) -> bytes:
        """One line for each of these entries, in the order of their indexes.

        `findings` are by the places of the entries in `templates`.
        """
        ends = self._ends
        for template in set(templates).difference(ends):
            ends[template] = f',"templateId":{json.dumps(template)},"findings":[]}}\n'
        found = list(map(ends.__getitem__, templates))
        for place, told in findings.items():
            shown = ",".join([f'{{"kind":"{one.kind}","detail":{quoted(one.detail)}}}' for one in told])
            found[place] = f"{ends[templates[place]][:-4]}[{shown}]}}\n"
        if errors:
            together = [*zip(indexes, found, strict=True), *((error.index, _end(error)) for error in errors)]
            together.sort(key=lambda pair: pair[0])
            indexes, found = [at for at, _ in together], [end for _, end in together]
        pieces = chain.from_iterable(zip(repeat('{"index":'), map(str, indexes), found, strict=False))
        return "".join(pieces).encode("ascii")


def last_line(name: str, content: Json) -> bytes:
    """The last line: an object with one member."""
    return json.dumps({name: content}, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"


def _end(error: EntryError) -> str:
    told = {"code": error.code, "field": error.field, "detail": error.detail}
    return f',"error":{json.dumps(told, separators=(",", ":"))}}}\n'
