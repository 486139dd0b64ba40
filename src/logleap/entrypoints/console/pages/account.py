"""The owner's keys, which are shown and not made here, and quotas."""

from flask import Request, Response, g

from logleap.entrypoints.console.frame import Console


def add(console: Console) -> None:
    """Register the page."""
    show_keys = console.container.show_keys()
    keeps_keys = console.container.capabilities().keeps_keys

    @console.page("/account")
    def account(request: Request, owner: str) -> Response:
        return console.render(
            "account.html",
            owner=owner,
            keys=show_keys(owner),
            used=g.visitor.key_id,
            keeps_keys=keeps_keys,
            quotas=console.bounds.quotas.standings(owner),
        )
