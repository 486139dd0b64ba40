"""Whose tokens a push worker takes."""

import base64
import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logleap.entrypoints.http.errors.refusals import HttpError
from logleap.entrypoints.pubsub.tokens import TokenVerifier


def refusal(verifier: TokenVerifier, authorization: str) -> HttpError:
    with pytest.raises(HttpError) as caught:
        verifier.check(authorization)
    return caught.value


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_token_for_us_of_the_right_account_is_taken(verifier: Any, google: Any, scheme: str) -> None:
    verifier.check(f"{scheme} {google.token()}")


def test_googles_other_name_as_an_issuer_is_taken(verifier: Any, google: Any) -> None:
    verifier.check(f"Bearer {google.token(iss='accounts.google.com')}")


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Basic YTpi", "token"])
def test_a_request_without_a_token_is_asked_for_one(verifier: Any, authorization: str) -> None:
    refused = refusal(verifier, authorization)
    assert (refused.status, refused.code) == (401, "TOKEN_MISSING")
    assert refused.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://worker.example/other"},
        {"aud": None},
        {"aud": ["https://worker.example/pubsub/push"]},
        {"iss": "https://accounts.example"},
        {"iss": None},
        {"exp": None},
        {"exp": "tomorrow"},
        {"iat": None},
    ],
    ids=str,
)
def test_a_token_with_a_wrong_claim_is_invalid(verifier: Any, google: Any, claims: dict[str, Any]) -> None:
    refused = refusal(verifier, f"Bearer {google.token(**claims)}")
    assert (refused.status, refused.code) == (401, "TOKEN_INVALID")


@pytest.mark.parametrize(("claim", "seconds"), [("exp", -60), ("iat", 600)])
def test_a_token_of_another_time_is_invalid(verifier: Any, google: Any, claim: str, seconds: int) -> None:
    refused = refusal(verifier, f"Bearer {google.token(**{claim: int(time.time()) + seconds})}")
    assert (refused.status, refused.code) == (401, "TOKEN_INVALID")


@pytest.mark.parametrize("seconds", [-5, 5])
def test_clocks_may_differ_by_a_few_seconds(verifier: Any, google: Any, seconds: int) -> None:
    now = int(time.time())
    verifier.check(f"Bearer {google.token(iat=now + max(seconds, 0), exp=now + min(seconds, 0))}")


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "someone-else@project.iam.gserviceaccount.com"},
        {"email": "Pusher@project.iam.gserviceaccount.com"},
        {"email": None},
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "true"},
        {"email_verified": 1},
    ],
    ids=str,
)
def test_a_valid_token_of_another_account_is_forbidden(
    verifier: Any, google: Any, claims: dict[str, Any]
) -> None:
    refused = refusal(verifier, f"Bearer {google.token(**claims)}")
    assert (refused.status, refused.code) == (403, "TOKEN_OF_ANOTHER")


def test_a_token_that_somebody_else_signed_is_invalid(verifier: Any, google: Any, strange_key: Any) -> None:
    assert refusal(verifier, f"Bearer {google.token(key=strange_key)}").status == 401
    assert refusal(verifier, f"Bearer {google.token(key=strange_key, key_id='k2')}").status == 401
    assert refusal(verifier, f"Bearer {google.token(key_id='k2')}").status == 401


def test_a_token_whose_signature_was_taken_off_is_invalid(verifier: Any, google: Any) -> None:
    header, payload, _ = google.token().split(".")
    for signature in ("", "SIGNATURE_REMOVED_BY_GOOGLE"):
        assert refusal(verifier, f"Bearer {header}.{payload}.{signature}").status == 401
    unsigned = part({"alg": "none", "typ": "JWT", "kid": "k1"})
    assert refusal(verifier, f"Bearer {unsigned}.{payload}.").status == 401


@pytest.mark.parametrize(
    "token",
    [
        "a.b.c",
        "..",
        "x" * 20_000,
        "ü.ü.ü",
        f"{part({'alg': ['RS256']})}.{part({})}.",
        f"{part({'alg': 'RS256', 'kid': {}})}.{part({})}.",
        f"{part({'alg': 'ES256', 'kid': 'k1'})}.{part({})}.AAAA",
        f"{part([])}.{part({})}.",
        f"{part(json.loads('[' * 900 + ']' * 900))}.{part({})}.",
        base64.urlsafe_b64encode(b"[" * 3000).decode() + ".a.b",
    ],
    ids=lambda token: token[:20],
)
def test_rubbish_is_invalid_and_nothing_else(verifier: Any, token: str) -> None:
    assert refusal(verifier, f"Bearer {token}").status == 401


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(), st.binary(), st.binary())
def test_no_header_makes_the_check_fail(verifier: Any, text: str, first: bytes, second: bytes) -> None:
    middle = ".".join(base64.urlsafe_b64encode(each).decode() for each in (first, second))
    for authorization in (text, f"Bearer {text}", f"Bearer {middle}.{text}"):
        assert refusal(verifier, authorization).status == 401


def test_an_audience_or_an_account_can_never_be_left_out() -> None:
    for audience, account in (("", "a@b.example"), ("https://a.example", ""), (None, "a@b.example")):
        with pytest.raises(ValueError, match="not without"):
            TokenVerifier(audience, account)  # type: ignore[arg-type]


def test_certificates_are_kept_for_as_long_as_google_says(verifier: Any, google: Any) -> None:
    for _ in range(5):
        verifier.check(f"Bearer {google.token()}")
    assert google.asked == 1


def test_certificates_are_had_anew_when_their_time_is_over(
    verifier: Any, google: Any, strange_key: Any
) -> None:
    google.cache = "max-age=0"
    verifier.check(f"Bearer {google.token()}")
    google.key = strange_key

    verifier.check(f"Bearer {google.token()}")
    assert google.asked == 2


def test_without_certificates_nobody_is_let_in_and_the_sender_tries_again(verifier: Any, google: Any) -> None:
    google.status = 500
    refused = refusal(verifier, f"Bearer {google.token()}")
    assert (refused.status, refused.code) == (503, "CERTIFICATES_UNAVAILABLE")
    assert int(refused.headers["Retry-After"]) >= 1

    google.status = 200
    verifier.check(f"Bearer {google.token()}")
