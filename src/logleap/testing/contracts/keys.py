"""What every KeyRepository promises. A backend that shares its store gives each test one of its own."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from logleap.domain.keys import ApiKey
from logleap.ports.errors import Conflict, Unavailable
from logleap.ports.keys import KeyRepository

NOON = datetime(2026, 8, 1, 12, 0, 0, 123456, tzinfo=UTC)
LATER = NOON + timedelta(days=1)


def key(key_id: str | None = None, **fields: Any) -> ApiKey:
    return replace(ApiKey(key_id or uuid4().hex, "anna", uuid4().hex * 2, NOON), **fields)


def test_an_added_key_comes_back_as_it_was(keys: KeyRepository) -> None:
    plain, full = key(), key(owner="Nächte 😀", note="for the nightly tests")
    for made in (plain, full):
        keys.add(made)
    assert keys.get(plain.key_id) == plain
    assert keys.get(full.key_id) == full


def test_a_key_that_was_never_added_is_none(keys: KeyRepository) -> None:
    keys.add(key())
    assert keys.get(uuid4().hex) is None
    assert keys.revoke(uuid4().hex, NOON) is None


@pytest.mark.parametrize(
    "text",
    ["", " ", ".", "..", "/", "a/b", "__x__", "x" * 5000, "'; DROP TABLE keys; --", "é😀", "\0", "\ud800"],
    ids=ascii,
)
def test_an_id_may_be_any_text(keys: KeyRepository, text: str) -> None:
    assert keys.get(text) is None
    assert keys.revoke(text, NOON) is None


def test_an_id_that_exists_is_refused_and_changes_nothing(keys: KeyRepository) -> None:
    first = key()
    keys.add(first)
    for second in (key(first.key_id), key(first.key_id, owner="bert")):
        with pytest.raises(Conflict):
            keys.add(second)
    assert keys.get(first.key_id) == first
    assert list(keys.list()) == [first]


def test_of_concurrent_adds_of_one_id_one_is_stored(
    keys: KeyRepository, race: Callable[..., list[Any]], rounds: int
) -> None:
    for _ in range(min(rounds, 20)):
        key_id = uuid4().hex
        rivals = [key(key_id) for _ in range(4)]
        outcomes = race(*(partial(keys.add, rival) for rival in rivals))
        stored = keys.get(key_id)
        assert stored in rivals
        for rival, outcome in zip(rivals, outcomes, strict=True):
            assert outcome is None if rival == stored else isinstance(outcome, Conflict | Unavailable)


def test_the_list_has_all_keys_oldest_first_and_equal_times_go_by_id(keys: KeyRepository) -> None:
    assert list(keys.list()) == []
    made = [key(created_at=NOON + timedelta(microseconds=number // 2)) for number in (5, 0, 3, 1, 2)]
    for each in made:
        keys.add(each)
    keys.revoke(made[0].key_id, LATER)
    expected = sorted(made, key=lambda each: (each.created_at, each.key_id))
    assert [each.key_id for each in keys.list()] == [each.key_id for each in expected]


def test_keys_exist_from_the_first_one_on_also_when_all_are_revoked(keys: KeyRepository) -> None:
    assert not keys.exist()
    made = key()
    keys.add(made)
    assert keys.exist()
    keys.revoke(made.key_id, LATER)
    assert keys.exist()


def test_a_revoked_key_says_when_and_is_otherwise_as_it_was(keys: KeyRepository) -> None:
    revoked, other = key(note="x"), key()
    for made in (revoked, other):
        keys.add(made)
    assert keys.revoke(revoked.key_id, LATER) == replace(revoked, revoked_at=LATER)
    assert keys.get(revoked.key_id) == replace(revoked, revoked_at=LATER)
    assert keys.get(other.key_id) == other


def test_revoking_again_keeps_the_first_time(keys: KeyRepository) -> None:
    made = key()
    keys.add(made)
    first = keys.revoke(made.key_id, LATER)
    assert keys.revoke(made.key_id, LATER + timedelta(days=1)) == first
    assert keys.get(made.key_id) == first


def test_of_concurrent_revocations_all_tell_the_same_time(
    keys: KeyRepository, race: Callable[..., list[Any]]
) -> None:
    made = key()
    keys.add(made)
    outcomes = race(*(partial(keys.revoke, made.key_id, LATER + timedelta(days=day)) for day in range(4)))
    told = [outcome for outcome in outcomes if not isinstance(outcome, Unavailable)]
    assert set(told) == {keys.get(made.key_id)}


def test_the_signing_secret_is_made_once_and_is_no_key(
    keys: KeyRepository, race: Callable[..., list[Any]]
) -> None:
    outcomes = race(*[keys.signing_secret] * 4)
    made = {outcome for outcome in outcomes if not isinstance(outcome, Unavailable)}
    assert made == {keys.signing_secret()}
    assert [len(secret) for secret in made] == [32]
    assert not keys.exist()
    assert list(keys.list()) == []
