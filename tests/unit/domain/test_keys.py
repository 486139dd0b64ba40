"""Keys: what opens, what a key may be for."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logleap.domain.errors import InvalidKeyText
from logleap.domain.keys import ApiKey, check_texts, digest

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
KEY = ApiKey("k", "anna", digest("secret"), NOON)


@given(st.text())
def test_only_its_own_secret_opens_a_key(shown: str) -> None:
    assert ApiKey("k", "anna", digest(shown), NOON).opens(shown)
    assert KEY.opens(shown) == (shown == "secret")


def test_a_revoked_key_opens_nothing_and_keeps_the_time_of_its_revocation() -> None:
    revoked = KEY.revoked(NOON)
    assert not revoked.opens("secret")
    assert revoked.revoked(NOON + timedelta(days=1)) == revoked


def test_the_key_itself_is_never_kept() -> None:
    assert "secret" not in repr(KEY)


@pytest.mark.parametrize(
    ("owner", "note"), [("a", None), ("Team Nächte 😀", "for the nightly tests"), ("x" * 128, "n" * 256)]
)
def test_names_and_notes_may_be_any_printable_text(owner: str, note: str | None) -> None:
    check_texts(owner, note)


@pytest.mark.parametrize(
    "owner", ["", " ", " a", "a ", "a:b", "a,b", "a\nb", "\x1b[31m", "x" * 129, "\udcff"]
)
def test_other_names_are_refused_with_what_is_allowed(owner: str) -> None:
    with pytest.raises(InvalidKeyText, match=r"owner .* is not 1 to 128 printable characters"):
        check_texts(owner, None)


@pytest.mark.parametrize("note", ["a\nb", "n" * 257])
def test_other_notes_are_refused_with_what_is_allowed(note: str) -> None:
    with pytest.raises(InvalidKeyText, match=r"note .* is not at most 256 printable characters"):
        check_texts("anna", note)
