"""What an adapter raises when it cannot do what its port promises."""


class Conflict(Exception):
    """The thing was changed by somebody else since it was loaded. Nothing was stored: load, decide again."""


class CountMismatch(Exception):
    """What is stored are not exactly the entries that the receipts acknowledge. The text has both numbers."""

    def __init__(self, acknowledged: int, stored: int) -> None:
        self.acknowledged = acknowledged
        self.stored = stored
        surplus = stored - acknowledged
        super().__init__(
            f"{acknowledged} entries were acknowledged, but {stored} are stored: "
            f"{abs(surplus)} {'too many' if surplus > 0 else 'lost'}."
        )


class Unavailable(Exception):
    """The backend cannot answer now. The call may or may not have taken effect; trying again may help.

    The text is meant for operators: it names the service, never data or credentials.
    """


class StorageFull(Unavailable):
    """There is no room for more: nothing of the call took effect. Calls that make room still work."""


class TemporarySpaceFull(Unavailable):
    """There is no room for the temporary files that the call needs. Nothing was changed."""
