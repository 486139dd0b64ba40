"""Make keys, revoke them, and tell by a key who calls."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from logleap.adapters.memory.keys import MemoryKeyRepository
from logleap.domain.errors import InvalidApiKey, InvalidKeyText, KeyNotFound
from logleap.domain.keys import ApiKey, digest
from logleap.usecases.keys import TRUST, Authenticate, CreateKey, RevokeKey, ShowKeys

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)


class CountingKeys(MemoryKeyRepository):
    """Counts how often it is looked at for a key."""

    looks = 0

    def get(self, key_id: str) -> ApiKey | None:
        self.looks += 1
        return super().get(key_id)


class Seconds:
    def __init__(self) -> None:
        self.passed = 0.0

    def __call__(self) -> float:
        return self.passed


@pytest.fixture
def keys() -> CountingKeys:
    return CountingKeys()


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def create(keys: CountingKeys, now: Callable[[], datetime]) -> CreateKey:
    return CreateKey(keys, now)


@pytest.fixture
def revoke(keys: CountingKeys, now: Callable[[], datetime]) -> RevokeKey:
    return RevokeKey(keys, now)


@pytest.fixture
def authenticate(keys: CountingKeys, seconds: Seconds) -> Authenticate:
    return Authenticate([ApiKey("given", "gert", digest("g"), NOON)], keys, seconds)


def looks(keys: CountingKeys, authenticate: Authenticate, shown: str) -> int:
    """How often the repository is looked at to refuse a key."""
    before = keys.looks
    with pytest.raises(InvalidApiKey):
        authenticate(shown)
    return keys.looks - before


def test_a_created_key_is_stored_with_the_digest_of_its_secret_alone(
    create: CreateKey, keys: CountingKeys
) -> None:
    key, text = create("anna", "for the nightly tests")
    key_id, secret = text.split(".")
    assert key == ApiKey(key_id, "anna", digest(secret), NOON, "for the nightly tests")
    assert list(keys.list()) == [key]
    assert secret not in repr(key)


def test_no_two_keys_are_the_same_and_a_secret_has_256_bits(create: CreateKey) -> None:
    made = [create("anna")[1].split(".") for _ in range(50)]
    assert len({key_id for key_id, _ in made}) == len({secret for _, secret in made}) == 50
    assert all(len(secret) * 6 >= 256 for _, secret in made)  # characters of 64


def test_a_key_for_no_proper_owner_is_not_made(create: CreateKey, keys: CountingKeys) -> None:
    with pytest.raises(InvalidKeyText):
        create("a:b")
    assert not keys.exist()


def test_a_key_opens_its_owners_data_sets(create: CreateKey, authenticate: Authenticate) -> None:
    anna, bert = create("anna")[1], create("bert")[1]
    assert [authenticate(anna), authenticate(bert), authenticate("given.g")] == ["anna", "bert", "gert"]


@pytest.mark.parametrize("wrong", ["", ".", "given", "given.", "given.x", "nobody.g", "\ud800.\ud800"])
def test_anything_else_is_refused_in_the_same_words(authenticate: Authenticate, wrong: str) -> None:
    with pytest.raises(InvalidApiKey, match=r"^the API key is not valid$"):
        authenticate(wrong)


def test_an_unknown_id_costs_as_many_looks_as_a_wrong_secret(
    create: CreateKey, revoke: RevokeKey, authenticate: Authenticate, keys: CountingKeys
) -> None:
    used, unused, revoked = (create("anna") for _ in range(3))
    authenticate(used[1])
    revoke(revoked[0].key_id)
    wrong = [f"{key.key_id}.wrong" for key, _ in (used, unused, revoked)]
    for shown in (*wrong, revoked[1], "given.wrong", "nobody.wrong", "nonsense"):
        assert looks(keys, authenticate, shown) == 1


def test_a_key_that_was_right_is_trusted_for_a_moment_and_then_looked_up_again(
    create: CreateKey, authenticate: Authenticate, keys: CountingKeys, seconds: Seconds
) -> None:
    text = create("anna")[1]
    for _ in range(3):
        authenticate(text)
    assert keys.looks == 1
    seconds.passed = TRUST
    authenticate(text)
    assert keys.looks == 2


def test_a_revocation_takes_effect_within_that_moment(
    create: CreateKey, revoke: RevokeKey, authenticate: Authenticate, seconds: Seconds
) -> None:
    (key, text), other = create("anna"), create("anna")[1]
    authenticate(text)
    assert revoke(key.key_id) == key.revoked(NOON)
    seconds.passed = TRUST
    with pytest.raises(InvalidApiKey):
        authenticate(text)
    assert authenticate(other) == "anna"


def test_revoking_what_is_not_there_says_so(revoke: RevokeKey) -> None:
    with pytest.raises(KeyNotFound, match="no stored key 'nobody'"):
        revoke("nobody")


def test_there_are_keys_from_the_first_one_on_for_ever(
    create: CreateKey, revoke: RevokeKey, keys: CountingKeys, authenticate: Authenticate
) -> None:
    stored_only = Authenticate([], keys)
    assert not stored_only.any_keys()
    assert authenticate.any_keys()
    revoke(create("anna")[0].key_id)
    assert stored_only.any_keys()
    assert stored_only.any_keys()


def test_a_session_stands_as_long_as_its_key_and_looks_for_it_now_and_then(
    create: CreateKey, revoke: RevokeKey, authenticate: Authenticate, keys: CountingKeys, seconds: Seconds
) -> None:
    key, text = create("anna")
    assert authenticate.key(text) == key
    seconds.passed = TRUST
    for _ in range(3):
        assert authenticate.standing(key.key_id) == key
    assert keys.looks == 2
    revoke(key.key_id)
    seconds.passed = 2 * TRUST
    for key_id in (key.key_id, "nobody"):
        with pytest.raises(InvalidApiKey):
            authenticate.standing(key_id)
    assert authenticate.standing("given").key_id == "given"


def test_sessions_are_signed_with_the_secret_of_the_repository(
    authenticate: Authenticate, keys: CountingKeys
) -> None:
    assert authenticate.signing_secret() == keys.signing_secret() == authenticate.signing_secret()


def test_an_owner_sees_the_keys_of_their_own_also_revoked_ones(
    create: CreateKey, revoke: RevokeKey, authenticate: Authenticate, keys: CountingKeys
) -> None:
    mine, theirs = create("anna")[0], create("bert")[0]
    given = [replace(theirs, key_id="given-to-anna", owner="anna"), replace(theirs, key_id="given")]
    revoked = revoke(mine.key_id)
    assert ShowKeys(given, keys)("anna") == [given[0], revoked]
    assert ShowKeys(given, keys)("nobody") == []
