"""`logleap keys create`, `list` and `revoke`."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from logleap.entrypoints.cli.operating.opened import opened
from logleap.entrypoints.cli.options import BACKEND, DATA_DIR, JSON
from logleap.entrypoints.cli.printing import output

if TYPE_CHECKING:
    from logleap.container import Container
    from logleap.domain.keys import ApiKey

_FIRST = (
    "This is the first key: servers {kept_in} ask for one from now on (unless LOGLEAP_AUTH=none). What was "
    "announced without a key belongs to 'anonymous': logleap keys create --owner anonymous opens it."
)


@click.group()
def keys() -> None:
    """Create, list and revoke API keys. They take effect on running servers."""


@keys.command()
@click.option("--owner", required=True, help="The owner of the data sets; an owner may have several keys.")
@click.option("--note", help="What the key is for.")
@BACKEND
@DATA_DIR
@JSON
def create(owner: str, note: str | None, as_json: bool, **flags: Any) -> None:
    """Create a key and print it, once: only its digest is stored."""
    with _opened(flags) as container:
        backend, first = container.backend(), not container.backend().keys.exist()
        made, text = container.create_key()(owner, note)
    if as_json:
        output.print_json({"key": text, **_shown(made)})
        return
    click.echo(text)
    click.echo(
        f"This key opens the data sets of {owner!r}; send it as X-API-Key. It is not shown again.",
        err=True,
    )
    if first and not container.capabilities().requires_keys:
        kept_in = f"on {backend.location}" if backend.location else "with the same backend"
        click.echo(_FIRST.format(kept_in=kept_in), err=True)


@keys.command(name="list")
@BACKEND
@DATA_DIR
@JSON
def list_keys(as_json: bool, **flags: Any) -> None:
    """List all stored keys, oldest first (not those of LOGLEAP_API_KEYS)."""
    with _opened(flags) as container:
        found = container.backend().keys.list()
    if as_json:
        output.print_json([_shown(key) for key in found])
        return
    for key in found:
        shown = _shown(key)
        revoked = f"revoked {shown['revokedAt']}" if key.revoked_at is not None else "valid"
        line = f"{key.key_id}  {key.owner}  created {shown['createdAt']}  {revoked}"
        click.echo(f"{line}  {key.note}" if key.note else line)


@keys.command()
@click.argument("key_id", metavar="KEYID")
@BACKEND
@DATA_DIR
@JSON
def revoke(key_id: str, as_json: bool, **flags: Any) -> None:
    """Revoke a key. KEYID is the part before the dot. The owner's data sets stay."""
    with _opened(flags) as container:
        revoked = container.revoke_key()(key_id)
    if as_json:
        output.print_json(_shown(revoked))
        return
    click.echo(f"Key {key_id} of {revoked.owner!r} was revoked at {_shown(revoked)['revokedAt']}.")


def _check(container: "Container") -> None:
    from logleap.settings import SettingsError

    if not container.capabilities().keeps_keys:
        raise SettingsError(
            f"LOGLEAP_BACKEND is {container.settings().backend!r}, which stores no keys: give them to the "
            "server in LOGLEAP_API_KEYS, as keyId:owner:sha256,…"
        )


@contextlib.contextmanager
def _opened(flags: dict[str, Any]) -> Iterator["Container"]:
    with opened(flags, _check) as container:
        from logleap.domain.errors import InvalidKeyText, KeyNotFound

        try:
            yield container
        except KeyNotFound as refusal:
            said = f"There is no stored key {refusal.key_id!r}. logleap keys list shows those that are."
            output.finish(said, output.FAILED)
        except InvalidKeyText as refusal:
            output.finish(
                f"The {refusal.field} is {refusal.value[:300]!r}, but must be {refusal.allowed}.",
                output.FAILED,
            )


def _shown(key: "ApiKey") -> dict[str, Any]:
    from logleap.entrypoints.http.contract.responses import time

    return {
        "keyId": key.key_id,
        "owner": key.owner,
        "note": key.note,
        "createdAt": time(key.created_at),
        "revokedAt": time(key.revoked_at) if key.revoked_at is not None else None,
    }
