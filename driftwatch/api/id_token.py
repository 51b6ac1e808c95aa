"""ID tokens: who says so, about whom, to us, now, and for this very sign-in (OpenID Connect Core 3.1.3.7, RFC 8725)."""

from __future__ import annotations

import hmac
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from joserfc import jwk, jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError

from driftwatch.api.problems import Problem
from driftwatch.api.strict import parse
from driftwatch.errors import RefusedError

KINDS: Final = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}
"""The algorithms that count, and the kind of key of each; signatures only, since a shared secret is no proof of who signed."""
LEEWAY_S: Final = 60.0
MOST_CHARACTERS: Final = 32_768
LONGEST_SUBJECT: Final = 255
Jwk = Mapping[str, Any]
KeysOf = Callable[[str | None], Sequence[Jwk]]
"""The provider's keys for a key id; for None all of them."""


class _Allowed(jws.JWSRegistry):
    """joserfc's registry for these algorithms alone; the header may say more than the standard knows, and that is ignored."""

    max_header_length = 4096

    def __init__(self) -> None:
        super().__init__(strict_check_header=False)

    def get_alg(self, name: str) -> Any:
        if name not in KINDS:
            raise UnsupportedAlgorithmError(name)
        return self.algorithms[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a token has to say."""

    issuer: str
    client_id: str
    nonce: str


def subject(token: str, keys: KeysOf, expected: Expected, now: datetime) -> str:
    """The subject of a token that passes every check; raises RefusedError with the first that does not."""
    claims = _signed_claims(token, keys)
    at = now.timestamp()
    if claims.get("iss") != expected.issuer:
        raise _refused("it is another issuer's")
    _check_audience(claims, expected.client_id)
    if at >= _moment(claims, "exp") + LEEWAY_S:
        raise _refused("it is over")
    if _moment(claims, "iat") > at + LEEWAY_S:
        raise _refused("it is from the future")
    if "nbf" in claims and _moment(claims, "nbf") > at + LEEWAY_S:
        raise _refused("it does not count yet")
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), expected.nonce.encode()):
        raise _refused("it is not for this sign-in")
    sub = claims.get("sub")
    if not isinstance(sub, str) or not 1 <= len(sub) <= LONGEST_SUBJECT or not (sub.isascii() and sub.isprintable()):
        raise _refused("it has no subject of 1 to 255 characters")
    return sub


def _signed_claims(token: str, keys: KeysOf) -> dict[str, Any]:
    """The claims, once a key of the provider's is found to have signed them. Of the header only `alg`, `kid`, `typ` and `crit` count."""
    if len(token) > MOST_CHARACTERS or not token.isascii():
        raise _refused("it is too long, or no token")
    registry = _Allowed()
    try:
        taken = jws.extract_compact(token.encode(), registry=registry)
        header = taken.headers()
        key = _key(header, keys)
        if not jws.validate_compact(taken, key, registry=registry):
            raise _refused("its signature is wrong")
        claims = parse(taken.payload or b"")
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise _refused(f"it cannot be read ({type(error).__name__})") from error
    except Problem as error:
        raise _refused("its claims are no JSON object") from error
    if not isinstance(claims, dict):
        raise _refused("its claims are no JSON object")
    return claims


def _key(header: Mapping[str, Any], keys: KeysOf) -> jwk.Key:
    kind = KINDS.get(str(header.get("alg")))
    kid = header.get("kid")
    if kind is None:
        raise _refused("its algorithm is not one of " + ", ".join(KINDS))
    if "crit" in header or str(header.get("typ", "JWT")).lower() != "jwt" or not isinstance(kid, str | None):
        raise _refused("its header is not an ID token's")
    fit = [item for item in keys(kid) if item.get("kty") == kind and item.get("use", "sig") == "sig"]
    fit = [item for item in fit if item.get("alg", header["alg"]) == header["alg"]]
    if len(fit) != 1:
        raise _refused(
            "no key of the provider's has its key id" if not fit else "several keys may have signed it, and it does not say which"
        )
    return jwk.import_key(dict(fit[0]), kind)  # type: ignore[call-overload,no-any-return]


def _check_audience(claims: Mapping[str, Any], client_id: str) -> None:
    audience = claims.get("aud")
    named = [audience] if isinstance(audience, str) else audience
    if not isinstance(named, list) or client_id not in named:
        raise _refused("it is for somebody else")
    if claims.get("azp", client_id if len(named) == 1 else None) != client_id:
        raise _refused("it was given to somebody else")


def _moment(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _refused(f"it has no {name}")
    return float(value)


def _refused(why: str) -> RefusedError:
    return RefusedError(f"the identity provider's ID token is refused: {why}")
