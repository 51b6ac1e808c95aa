"""A small identity provider on loopback: discovery, authorization code with PKCE, keys; and every way to misbehave that a test wants."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

CLIENT = "driftwatch"
SECRET = "the-secret-of-the-client"
Sign = Callable[["Issuer", dict[str, Any], dict[str, Any]], str]


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def part(value: Any) -> str:
    return text(json.dumps(value).encode())


def number(value: int) -> str:
    return text(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def signed(issuer: Issuer, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """As it should be: RS256, by the current key."""
    message = f"{part(header)}.{part(claims)}"
    return f"{message}.{text(issuer.key.sign(message.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def unsigned(issuer: Issuer, header: dict[str, Any], claims: dict[str, Any]) -> str:
    return f"{part(header | {'alg': 'none'})}.{part(claims)}."


def with_public_key_as_secret(issuer: Issuer, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """HS256, with what everybody knows as the key: it fools verifiers that take the algorithm from the token."""
    pem = issuer.key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    message = f"{part(header | {'alg': 'HS256'})}.{part(claims)}"
    return f"{message}.{text(hmac.digest(pem, message.encode(), 'sha256'))}"


def by_a_stranger(issuer: Issuer, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """By a key of the attacker's own, which the header carries along."""
    own = rsa.generate_private_key(65537, 2048)
    along = {"jwk": jwk_of(own, str(header["kid"])), "jku": f"{issuer.url}/evil", "x5u": f"{issuer.url}/evil"}
    message = f"{part(header | along)}.{part(claims)}"
    return f"{message}.{text(own.sign(message.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def changed_afterwards(issuer: Issuer, header: dict[str, Any], claims: dict[str, Any]) -> str:
    head, _, signature = signed(issuer, header, claims).split(".")
    return f"{head}.{part(claims | {'sub': 'ben-at-the-provider'})}.{signature}"


def jwk_of(key: rsa.RSAPrivateKey, kid: str) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": number(numbers.n), "e": number(numbers.e)}


@dataclass
class Issuer:
    """What the provider is, and how it behaves now. `asked` holds the paths that it was asked for, in order."""

    url: str = ""
    sub: str = "ana-at-the-provider"
    claims: dict[str, Any] = field(default_factory=dict)
    """Claims to be other than they should be; None leaves one out."""
    header: dict[str, Any] = field(default_factory=dict)
    sign: Sign = signed
    discovery: dict[str, Any] = field(default_factory=dict)
    extra_keys: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """Path -> what is answered instead."""
    hangs: float = 0.0
    clock: Callable[[], float] = time.time
    asked: list[str] = field(default_factory=list)
    redirects: tuple[str, ...] = ()
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    kid: str = "key-1"
    codes: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def rotate(self) -> None:
        self.key, self.kid = rsa.generate_private_key(65537, 2048), f"key-{secrets.token_hex(3)}"

    def document(self) -> dict[str, Any]:
        paths = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/keys"}
        return {"issuer": self.url, **{name: self.url + path for name, path in paths.items()}, **self.discovery}

    def authorize(self, asked: Mapping[str, str]) -> str:
        """The address that the browser is sent back to."""
        assert asked["client_id"] == CLIENT
        assert asked["redirect_uri"] in self.redirects, "exactly as registered"
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        assert "openid" in asked["scope"].split()
        assert len(asked["code_challenge"]) == 43
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state'], 'iss': self.url})}"

    def token(self, form: Mapping[str, str], credentials: str) -> tuple[int, dict[str, Any]]:
        begun = self.codes.pop(form.get("code", ""), None)
        challenge = text(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if credentials != f"{CLIENT}:{SECRET}":
            return 401, {"error": "invalid_client"}
        if begun is None or begun["redirect_uri"] != form["redirect_uri"] or begun["code_challenge"] != challenge:
            return 400, {"error": "invalid_grant"}
        now = int(self.clock())
        claims = {"iss": self.url, "sub": self.sub, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": begun["nonce"]} | self.claims
        header = {"alg": "RS256", "typ": "JWT", "kid": self.kid} | self.header
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {name: value for name, value in header.items() if value is not None}
        return 200, {"access_token": "opaque", "token_type": "Bearer", "id_token": self.sign(self, header, claims)}


@contextmanager
def provider(redirect: str) -> Iterator[Issuer]:
    """A provider that runs within it."""
    issuer = Issuer(redirects=(redirect,))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            issuer.asked.append(parts.path)
            time.sleep(issuer.hangs)
            if parts.path in issuer.answers:
                self._send(*issuer.answers[parts.path])
            elif parts.path == "/.well-known/openid-configuration":
                self._send(200, json.dumps(issuer.document()).encode())
            elif parts.path == "/keys":
                self._send(200, json.dumps({"keys": [jwk_of(issuer.key, issuer.kid), *issuer.extra_keys]}).encode())
            elif parts.path == "/authorize":
                self._send(302, b"", issuer.authorize({name: value for name, (value,) in parse_qs(parts.query).items()}))
            else:
                self._send(404, b"{}")

        def do_POST(self) -> None:
            issuer.asked.append(self.path)
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            kind, _, given = self.headers.get("Authorization", "").partition(" ")
            user = unquote(base64.b64decode(given).decode()) if kind == "Basic" else ""
            if self.path in issuer.answers:
                self._send(*issuer.answers[self.path])
                return
            status, answer = issuer.token({name: value for name, (value,) in form.items()}, user)
            self._send(status, json.dumps(answer).encode())

        def _send(self, status: int, body: bytes, location: str = "") -> None:
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    issuer.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
