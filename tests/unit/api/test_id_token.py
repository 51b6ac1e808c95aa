"""ID tokens: each algorithm that counts, with its own kind of key and no other; the provider's keys and no others."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc import jwk, jws, jwt

from driftwatch.api.id_token import KINDS, Expected, Jwk, subject
from driftwatch.errors import RefusedError

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
EXPECTED = Expected(issuer="https://login.corp.example", client_id="driftwatch", nonce="n-1")
CLAIMS = {
    "iss": EXPECTED.issuer,
    "sub": "7",
    "aud": "driftwatch",
    "nonce": "n-1",
    "iat": int(NOW.timestamp()),
    "exp": int(NOW.timestamp()) + 300,
}
MADE = {"RSA": jwk.RSAKey.generate_key(2048), "EC": jwk.ECKey.generate_key("P-256"), "OKP": jwk.OKPKey.generate_key("Ed25519")}


def token(algorithm: str, key: Any, **header: Any) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return jwt.encode({"alg": algorithm, "kid": "k", **header}, CLAIMS, key, algorithms=[algorithm], registry=None)


def keys(*listed: Any, **more: Any) -> Any:
    """What the provider's key set gives for the key id."""
    known: Sequence[Jwk] = [{**item.as_dict(private=False), "kid": "k", **more} for item in listed]
    return lambda kid: [item for item in known if kid in (None, item["kid"])]


@pytest.mark.parametrize(("algorithm", "kind"), KINDS.items())
def test_each_algorithm_counts_with_its_own_kind_of_key(algorithm: str, kind: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert subject(token(algorithm, MADE[kind]), keys(MADE[kind]), EXPECTED, NOW) == "7"
    other = next(made for name, made in MADE.items() if name != kind)
    with pytest.raises(RefusedError, match="no key"):
        subject(token(algorithm, MADE[kind]), keys(other), EXPECTED, NOW)


@pytest.mark.parametrize(("algorithm", "kind"), KINDS.items())
def test_another_key_of_the_kind_is_another(algorithm: str, kind: str) -> None:
    again = type(MADE[kind]).generate_key({"RSA": 2048, "EC": "P-256", "OKP": "Ed25519"}[kind])
    with pytest.raises(RefusedError, match="signature"):
        subject(token(algorithm, again), keys(MADE[kind]), EXPECTED, NOW)


def test_of_several_keys_under_one_id_the_kind_decides() -> None:
    assert subject(token("ES256", MADE["EC"]), keys(*MADE.values()), EXPECTED, NOW) == "7"


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_shared_secret_never_counts_though_the_key_set_lists_it(algorithm: str) -> None:
    secret = jwk.OctKey.generate_key(512)
    listed = [{**secret.as_dict(private=True), "kid": "k"}]
    with pytest.raises(RefusedError, match="algorithm"):
        subject(token(algorithm, secret), lambda _kid: listed, EXPECTED, NOW)


@pytest.mark.parametrize(
    "text", ["", ".", "..", "...", "a.b", "{}.{}.{}", "e30.e30.e30", "bnVsbA.bnVsbA.", "W10.W10.W10", "\x00.\x00.\x00"]
)
def test_what_is_no_token_is_refused_in_words(text: str) -> None:
    with pytest.raises(RefusedError, match="ID token is refused"):
        subject(text, keys(*MADE.values()), EXPECTED, NOW)


@pytest.mark.parametrize("payload", [b"[]", b"null", b'{"sub": "7", "sub": "8"}', b'{"exp": NaN}', b"\xff", b"[" * 50_000])
def test_signed_nonsense_is_nonsense(payload: bytes) -> None:
    signed = jws.serialize_compact({"alg": "RS256", "kid": "k"}, payload, MADE["RSA"])
    with pytest.raises(RefusedError, match="ID token is refused"):
        subject(signed, keys(MADE["RSA"]), EXPECTED, NOW)
