"""The templates that a training knows: those of its baseline, and those that it mined."""

from collections.abc import Sequence

from logleap.miner.match import Tree, bare
from logleap.miner.model import VARIABLE, LogModel, template_id
from logleap.miner.relate import Relatives


class KnownTemplates:
    """The baseline's templates, and those mined: numbered, the former first."""

    def __init__(self, baseline: LogModel | None) -> None:
        self._baseline = baseline.templates if baseline else ()
        self.severities: list[str | None] = [template.severity for template in self._baseline]
        self.tokens: list[tuple[str, ...]] = [bare(template.tokens) for template in self._baseline]
        """Without blanks."""
        self.order: list[int] = []
        """Those that have entries of their own; the later ones first."""
        self._related = len(self._baseline)
        self._mined: set[tuple[str | None, tuple[str, ...]]] = set()
        self._same: dict[int, int] = {}
        self._tree = Tree()
        self.settle()

    def add(self, severity: str | None, tokens: tuple[str, ...]) -> bool:
        """Add a mined one, which `settle` makes known. False: it was mined before."""
        mined = len(self._mined)
        self._mined.add((severity, tokens))
        self.severities.append(severity)
        self.tokens.append(tokens)
        return len(self._mined) > mined

    def listed(self) -> list[tuple[str | None, tuple[str, ...]]]:
        """Severity and tokens of those that have entries of their own, in their order."""
        return [(self.severities[number], self.tokens[number]) for number in self.order]

    def find(self, severity: str | None, tokens: Sequence[str]) -> int | None:
        """The number of the template of such a message, as `Matcher` finds it in a model of them; None: none
        matches.
        """
        return self._tree.find(severity, tokens)

    def settle(self) -> None:
        """End a round of mining. Templates of the baseline are widened to mined ones of the same event."""
        if self._baseline and self._related < len(self.tokens):
            self._relate()
        # Of two that became equal the first one has all entries.
        self.order = [number for number in reversed(range(len(self.tokens))) if number not in self._same]
        self._tree = Tree()
        for number in self.order:
            self._tree.add(self.severities[number], self.tokens[number], number)

    def _relate(self) -> None:
        old = len(self._baseline)
        relatives = Relatives(zip(self.severities[:old], self.tokens[:old], strict=True))
        same = {}
        for number in range(self._related, len(self.tokens)):
            found = relatives.find(self.severities[number], self.tokens[number])
            if found is not None:
                same[number] = found
        for number, known in same.items():
            self.tokens[known] = tuple(
                [
                    own if own == other else VARIABLE
                    for own, other in zip(self.tokens[known], self.tokens[number], strict=True)
                ]
            )
        self._same |= same
        self._related = len(self.tokens)

    def id(self, number: int) -> str:
        """The template's id."""
        if number < len(self._baseline):
            return self._baseline[number].id
        return template_id(self.severities[number], self.tokens[number])

    def text(self, number: int) -> tuple[str, ...] | None:
        """The tokens with their blanks, as the baseline has them; None of a mined one."""
        if number >= len(self._baseline):
            return None
        return tuple(
            [
                " " * written.startswith(" ") + token
                for written, token in zip(self._baseline[number].tokens, self.tokens[number], strict=True)
            ]
        )
