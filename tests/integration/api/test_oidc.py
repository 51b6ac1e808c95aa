"""Signing in at an identity provider that really runs: the whole way, and every token, answer and address that must not get anybody in."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from driftwatch.api import oidc as module
from driftwatch.api.entrance import Entrance
from driftwatch.api.limits import Limiter
from driftwatch.api.provider import Providers
from driftwatch.config.oidc import Oidc
from driftwatch.documents.people import OidcIdentity, People
from driftwatch.domain.baseline import Actor, Assurance, Method
from driftwatch.errors import RefusedError
from driftwatch.operations import approvals, baselines, credentials
from tests import oidc_provider
from tests.oidc_provider import CLIENT, SECRET, Issuer, provider
from tests.unit.api.caller import Stage
from tests.world import ANA, PEOPLE, settled_world

REDIRECT = "http://127.0.0.1:8464/sign-in/callback"
COOKIE = "driftwatch_session"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with provider(REDIRECT) as made:
        yield made


@dataclass
class Browser:
    """A person's browser before driftwatch and the provider."""

    stage: Stage
    issuer: Issuer
    seconds: list[float] = field(default_factory=lambda: [0.0])

    def get(self, url: str, **more: Any) -> Any:
        return self.stage.client.get(url, follow_redirects=False, **more)

    def begin(self, **query: str) -> str:
        """The address of the provider that driftwatch sends the browser to."""
        answer = self.get("/sign-in", params=query)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    def at_the_provider(self, address: str) -> str:
        """Where the provider sends the browser back to, without the host."""
        with pytest.raises(urllib.error.HTTPError) as answer:
            urllib.request.build_opener(NoRedirect).open(address, timeout=5)
        assert answer.value.code == 302
        location = str(answer.value.headers["Location"])
        assert location.startswith(REDIRECT + "?")
        return location.removeprefix(REDIRECT.removesuffix("/sign-in/callback"))

    def sign_in(self, **query: str) -> Any:
        return self.get(self.at_the_provider(self.begin(**query)))

    def me(self) -> Any:
        return self.stage.client.get("/api/v1/me")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


@pytest.fixture
def browser(issuer: Issuer, tmp_path: Path) -> Browser:
    world = settled_world()
    issuer.clock = lambda: world.now.timestamp()
    known = {"ana": issuer.sub, "ben": "ben-at-the-provider"}
    persons = [
        replace(person, oidc=(OidcIdentity(iss=issuer.url, sub=known[person.id]),)) if person.id in known else person
        for person in PEOPLE.persons
    ]
    world.change(people=People(persons=tuple(persons)))
    stage = Stage(world)
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    oidc = Oidc(issuer=issuer.url, client_id=CLIENT, client_secret_file=secret, redirect_url=REDIRECT)
    product = stage.config.product.model_copy(update={"oidc": oidc})
    stage.config = stage.config.model_copy(update={"product": product})
    made = Browser(stage, issuer)
    stage.app.state.entrance = Entrance(providers=Providers(monotonic=lambda: made.seconds[0]), knocks=Limiter(10_000, 1.0))
    return made


def test_the_whole_way(browser: Browser) -> None:
    answer = browser.sign_in(next="/findings?state=open")
    assert answer.status_code == 200
    assert "url=/findings?state=open" in answer.text
    assert browser.me().json() | {"accounts": []} == {
        "person": "ana",
        "method": "oidc",
        "assurance": "signed",
        "roles": ["operator"],
        "accounts": [],
    }
    assert browser.stage.world.ledger()[-1] == "signed_in"
    set_ = answer.headers.get_list("set-cookie")
    assert any(item.startswith(f"{COOKIE}=") and "HttpOnly" in item and "samesite=strict" in item.lower() for item in set_)
    assert any(item.startswith("driftwatch_signing_in=") and "Max-Age=0" in item for item in set_), "the round trip's cookie is over"


def test_what_is_asked_of_the_provider_is_fresh_each_time_and_says_nothing_secret(browser: Browser) -> None:
    asked = [{name: value for name, (value,) in parse_qs(urlsplit(browser.begin()).query).items()} for _ in range(3)]
    for one in asked:
        assert one["redirect_uri"] == REDIRECT
        assert (one["response_type"], one["scope"], one["code_challenge_method"]) == ("code", "openid", "S256")
        assert "code_verifier" not in one
        assert SECRET not in str(one)
    for name in ("state", "nonce", "code_challenge"):
        assert len({one[name] for one in asked}) == 3
        assert all(len(one[name]) == 43 for one in asked)


def test_the_round_trips_cookie_is_lax_and_short(browser: Browser) -> None:
    cookie = browser.get("/sign-in").headers["set-cookie"]
    assert cookie.startswith("driftwatch_signing_in=")
    assert {"HttpOnly", "SameSite=lax", "Path=/", "Max-Age=600"} <= set(cookie.split("; "))


def test_each_sign_in_has_a_secret_of_its_own_and_ends_the_old_session(browser: Browser) -> None:
    browser.sign_in()
    old = browser.stage.client.cookies[COOKIE]
    browser.sign_in()
    new = browser.stage.client.cookies[COOKIE]
    browser.stage.client.cookies.clear()
    assert new != old
    assert browser.get("/api/v1/me", headers={"Cookie": f"{COOKIE}={old}"}).status_code == 401
    assert browser.get("/api/v1/me", headers={"Cookie": f"{COOKIE}={new}"}).status_code == 200


def test_somebody_unknown_is_told_what_to_add_and_the_ledger_tells_of_it(browser: Browser) -> None:
    browser.issuer.sub = 'mallory"<script>'
    answer = browser.sign_in()
    assert answer.status_code == 403
    assert browser.issuer.url in answer.text
    assert "mallory" in answer.text
    assert "<script>" not in answer.text
    assert COOKIE not in browser.stage.client.cookies
    with browser.stage.world.store.read() as uow:
        entry = list(uow.ledger.entries())[-1]
    assert (entry.type, entry.body["iss"], entry.body["sub"]) == ("attempt_denied", browser.issuer.url, 'mallory"<script>')


def test_a_person_is_an_issuer_and_a_subject_never_an_address(browser: Browser) -> None:
    browser.issuer.sub = "somebody-else"
    browser.issuer.claims = {"email": "ana@corp.example", "email_verified": True, "preferred_username": "ana", "name": "ana"}
    assert browser.sign_in().status_code == 403
    browser.issuer.sub = "ANA-AT-THE-PROVIDER"
    assert browser.sign_in().status_code == 403, "case counts"


NOW = "now"
TOKENS: dict[str, dict[str, Any]] = {
    "alg none": {"sign": oidc_provider.unsigned},
    "the public key as a shared secret": {"sign": oidc_provider.with_public_key_as_secret},
    "a key of its own in the header": {"sign": oidc_provider.by_a_stranger},
    "claims changed after signing": {"sign": oidc_provider.changed_afterwards},
    "no token at all": {"sign": lambda *_: "a.b.c"},
    "an encrypted token": {"sign": lambda *_: "a.b.c.d.e"},
    "not ascii": {"sign": lambda *_: "é.b.c"},
    "without end": {"sign": lambda *_: "a" * 100_000},
    "another algorithm name": {"header": {"alg": "RS512"}},
    "another algorithm of the same key": {"header": {"alg": "PS256"}},
    "lower case algorithm": {"header": {"alg": "rs256"}},
    "no algorithm": {"header": {"alg": None}},
    "an access token": {"header": {"typ": "at+jwt"}},
    "a logout token": {"header": {"typ": "logout+jwt"}},
    "critical extensions": {"header": {"crit": ["b64"], "b64": False}},
    "an unknown key": {"header": {"kid": "key-9"}},
    "a path as key": {"header": {"kid": "../../../../etc/passwd"}},
    "an address as key": {"header": {"kid": "http://evil.example/keys"}},
    "a statement as key": {"header": {"kid": "x' UNION SELECT 'secret"}},
    "a number as key": {"header": {"kid": 1}},
    "another issuer": {"claims": {"iss": "http://evil.example"}},
    "almost the issuer": {"claims": {"iss": "+/"}},
    "no issuer": {"claims": {"iss": None}},
    "another audience": {"claims": {"aud": "other"}},
    "an audience that begins like ours": {"claims": {"aud": CLIENT + "-2"}},
    "no audience": {"claims": {"aud": None}},
    "an empty audience": {"claims": {"aud": []}},
    "several audiences and no party": {"claims": {"aud": [CLIENT, "other"]}},
    "another party": {"claims": {"azp": "other"}},
    "another party of several": {"claims": {"aud": [CLIENT, "other"], "azp": "other"}},
    "expired": {"claims": {"exp": -61}},
    "no end": {"claims": {"exp": None}},
    "an end that is text": {"claims": {"exp": "2099-01-01"}},
    "an end that is true": {"claims": {"exp": True}},
    "an end that is no number": {"claims": {"exp": float("inf")}},
    "from the future": {"claims": {"iat": 120}},
    "no begin": {"claims": {"iat": None}},
    "not yet": {"claims": {"nbf": 120}},
    "another nonce": {"claims": {"nonce": "x"}},
    "no nonce": {"claims": {"nonce": None}},
    "a nonce that is a list": {"claims": {"nonce": ["x"]}},
    "no subject": {"claims": {"sub": None}},
    "an empty subject": {"claims": {"sub": ""}},
    "a subject that is a number": {"claims": {"sub": 7}},
    "a long subject": {"claims": {"sub": "s" * 256}},
    "a subject of two lines": {"claims": {"sub": "ana-at-the-provider\n"}},
}


@pytest.mark.parametrize("how", TOKENS.values(), ids=TOKENS)
def test_a_token_that_fails_any_check_gets_nobody_in(browser: Browser, how: dict[str, Any]) -> None:
    issuer, now = browser.issuer, int(browser.stage.world.now.timestamp())
    issuer.sign = how.get("sign", oidc_provider.signed)
    issuer.header = how.get("header", {})
    issuer.claims = {
        name: now + value if name in ("exp", "iat", "nbf") and type(value) is int else value
        for name, value in how.get("claims", {}).items()
    }
    if issuer.claims.get("iss") == "+/":
        issuer.claims["iss"] = issuer.url + "/"
    before = browser.stage.world.ledger()
    answer = browser.sign_in()
    assert answer.status_code == 403, answer.text
    assert COOKIE not in browser.stage.client.cookies
    assert browser.me().status_code == 401
    assert browser.stage.world.ledger() == before
    assert "/evil" not in browser.issuer.asked, "addresses in a header are not followed"


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": -59},
        {"iat": 59},
        {"nbf": 59},
        {"nbf": -600},
        {"aud": [CLIENT]},
        {"aud": [CLIENT, "other"], "azp": CLIENT},
        {"azp": CLIENT},
        {"more": {"of": "anything"}},
    ],
)
def test_what_the_standard_allows_gets_in(browser: Browser, claims: dict[str, Any]) -> None:
    now = int(browser.stage.world.now.timestamp())
    browser.issuer.claims = {name: now + value if isinstance(value, int) else value for name, value in claims.items()}
    assert browser.sign_in().status_code == 200
    assert browser.me().json()["person"] == "ana"


@pytest.mark.parametrize("header", [{"typ": None}, {"kid": None}, {"x5t": "abc", "unknown": "header"}])
def test_headers_that_say_less_or_more_are_fine(browser: Browser, header: dict[str, Any]) -> None:
    browser.issuer.header = header
    assert browser.sign_in().status_code == 200


def test_without_a_key_id_several_keys_are_one_too_many(browser: Browser) -> None:
    browser.issuer.header = {"kid": None}
    browser.issuer.extra_keys = [oidc_provider.jwk_of(oidc_provider.rsa.generate_private_key(65537, 2048), "other")]
    assert browser.sign_in().status_code == 403


@pytest.mark.parametrize("wrong", [{"use": "enc"}, {"alg": "RS512"}, {"kty": "oct", "k": "c2VjcmV0"}])
def test_a_key_for_something_else_signs_nothing(browser: Browser, wrong: dict[str, str]) -> None:
    listed = [oidc_provider.jwk_of(browser.issuer.key, browser.issuer.kid) | wrong]
    browser.issuer.answers["/keys"] = (200, oidc_provider.json.dumps({"keys": listed}).encode())
    assert browser.sign_in().status_code == 403


class TestState:
    """What comes back has to be what was begun, here, once, and in time."""

    def test_an_answer_counts_once(self, browser: Browser) -> None:
        back = browser.at_the_provider(browser.begin())
        cookie = browser.stage.client.cookies["driftwatch_signing_in"]
        assert browser.get(back).status_code == 200
        browser.stage.client.cookies.clear()
        assert browser.get(back, headers={"Cookie": f"driftwatch_signing_in={cookie}"}).status_code == 403
        assert not browser.stage.client.cookies

    def test_another_browser_cannot_use_it(self, browser: Browser) -> None:
        back = browser.at_the_provider(browser.begin())
        browser.stage.client.cookies.clear()
        assert browser.get(back).status_code == 403
        browser.begin()
        assert browser.get(back).status_code == 403, "with an attempt of its own neither: the state is another"

    @pytest.mark.parametrize("change", [{"state": "x"}, {"state": ""}, {"iss": "http://evil.example"}, {"state": "é"}])
    def test_what_was_changed_on_the_way_is_refused_and_the_attempt_over(self, browser: Browser, change: dict[str, str]) -> None:
        back = browser.at_the_provider(browser.begin())
        query = {name: value for name, (value,) in parse_qs(urlsplit(back).query).items()}
        assert browser.get("/sign-in/callback", params=query | change).status_code == 403
        assert browser.get(back).status_code == 403
        assert "/token" not in browser.issuer.asked

    def test_a_code_of_another_sign_in_is_none(self, browser: Browser) -> None:
        """PKCE: a code that was stolen from somebody else's sign-in is of no use in one's own."""
        stolen = parse_qs(urlsplit(browser.at_the_provider(browser.begin())).query)["code"][0]
        back = browser.at_the_provider(browser.begin())
        query = {name: value for name, (value,) in parse_qs(urlsplit(back).query).items()}
        assert browser.get("/sign-in/callback", params=query | {"code": stolen}).status_code == 502
        assert COOKIE not in browser.stage.client.cookies

    def test_ten_minutes_are_all_it_has(self, browser: Browser) -> None:
        entrance = browser.stage.app.state.entrance
        seconds = [0.0]
        entrance.attempts._monotonic = lambda: seconds[0]
        back = browser.at_the_provider(browser.begin())
        seconds[0] += 600
        assert browser.get(back).status_code == 403

    def test_a_refusal_of_the_provider_is_told_as_text(self, browser: Browser) -> None:
        state = parse_qs(urlsplit(browser.begin()).query)["state"][0]
        answer = browser.get("/sign-in/callback", params={"state": state, "error": "<b>access_denied"})
        assert (answer.status_code, "access_denied" in answer.text, "<b>" in answer.text) == (403, True, False)


@pytest.mark.parametrize(
    "onward",
    [
        "http://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "javascript:alert(1)",
        "evil.example",
        "",
        "/\t/evil.example",
        "/x\r\nSet-Cookie: a=b",
        '/"><script>',
        "/;url=http://evil.example",
        "https:evil.example",
    ],
)
def test_nobody_is_sent_to_another_place(browser: Browser, onward: str) -> None:
    assert browser.get("/sign-in", params={"next": onward}).status_code == 400
    assert not module.is_local(onward)


class TestKeys:
    """The key set is kept, follows a rotation, and cannot be used to make us ask without end."""

    def keys_asked(self, browser: Browser) -> int:
        return browser.issuer.asked.count("/keys")

    def test_it_is_kept_for_an_hour(self, browser: Browser) -> None:
        for _ in range(3):
            assert browser.sign_in().status_code == 200
        assert (self.keys_asked(browser), browser.issuer.asked.count("/.well-known/openid-configuration")) == (1, 1)
        browser.seconds[0] += 3600
        assert browser.sign_in().status_code == 200
        assert self.keys_asked(browser) == 2

    def test_a_new_key_is_found(self, browser: Browser) -> None:
        browser.sign_in()
        browser.issuer.rotate()
        browser.seconds[0] += 61
        assert browser.sign_in().status_code == 200
        assert self.keys_asked(browser) == 2

    def test_unknown_key_ids_have_it_fetched_once_a_minute_at_most(self, browser: Browser) -> None:
        browser.sign_in()
        browser.seconds[0] += 61
        for number in range(5):
            browser.issuer.header = {"kid": f"unknown-{number}"}
            assert browser.sign_in().status_code == 403
        assert self.keys_asked(browser) == 2
        browser.issuer.header = {}
        assert browser.sign_in().status_code == 200, "known keys go on working"

    def test_an_outage_of_the_key_set_keeps_nobody_out_for_a_day(self, browser: Browser) -> None:
        browser.sign_in()
        browser.issuer.answers = {"/keys": (503, b"down"), "/.well-known/openid-configuration": (503, b"down")}
        browser.seconds[0] += 7200
        assert browser.sign_in().status_code == 200
        browser.seconds[0] += 86_400
        assert browser.get("/sign-in").status_code == 502
        browser.issuer.answers = {}
        browser.seconds[0] += 11
        assert browser.sign_in().status_code == 200

    def test_while_the_provider_is_gone_it_is_not_asked_by_everybody(self, browser: Browser) -> None:
        browser.issuer.answers = {"/.well-known/openid-configuration": (503, b"down")}
        for _ in range(20):
            assert browser.get("/sign-in").status_code == 502
        assert len(browser.issuer.asked) == 1


class TestAnswers:
    """What the provider answers is hostile until it is read."""

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (200, b""),
            (200, b"[]"),
            (200, b"{"),
            (200, b"\xff"),
            (200, b'{"issuer": "a", "issuer": "b"}'),
            (200, b" " * 300_000),
            (200, b"[" * 100_000),
            (500, b"{}"),
            (302, b"{}"),
        ],
    )
    def test_a_discovery_document_that_is_none_begins_nothing(self, browser: Browser, status: int, body: bytes) -> None:
        browser.issuer.answers["/.well-known/openid-configuration"] = (status, body)
        assert browser.get("/sign-in").status_code == 502

    @pytest.mark.parametrize(
        "change",
        [
            {"issuer": "http://127.0.0.1:1"},
            {"issuer": None},
            {"token_endpoint": "http://evil.example/token"},
            {"jwks_uri": "http://169.254.169.254/latest/meta-data"},
            {"jwks_uri": "file:///etc/passwd"},
            {"authorization_endpoint": "javascript:alert(1)"},
            {"authorization_endpoint": None},
        ],
    )
    def test_addresses_are_the_issuers_or_https(self, browser: Browser, change: dict[str, Any]) -> None:
        browser.issuer.discovery = change
        assert browser.get("/sign-in").status_code == 502
        assert set(browser.issuer.asked) == {"/.well-known/openid-configuration"}

    @pytest.mark.parametrize("body", [b"{}", b'{"id_token": 7}', b'{"id_token": null}', b"[]", b"nonsense"])
    def test_an_answer_without_a_token_gets_nobody_in(self, browser: Browser, body: bytes) -> None:
        browser.issuer.answers["/token"] = (200, body)
        assert browser.sign_in().status_code == 502

    @pytest.mark.parametrize("body", [b"{}", b'{"keys": 7}', b'{"keys": [7, "x", {}]}', b'{"keys": [{"kty": "RSA", "kid": "key-1"}]}'])
    def test_a_key_set_that_is_none_gets_nobody_in(self, browser: Browser, body: bytes) -> None:
        browser.issuer.answers["/keys"] = (200, body)
        assert browser.sign_in().status_code in (403, 502)
        assert COOKIE not in browser.stage.client.cookies

    def test_a_provider_that_hangs_is_given_up(self, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
        from driftwatch.api import fetching

        browser.issuer.hangs = 1.5
        quick = Providers(fetch=lambda url, **more: fetching.fetched(url, deadline_s=0.3, **more))
        browser.stage.app.state.entrance = Entrance(providers=quick)
        answer = browser.get("/sign-in")
        assert answer.status_code == 502
        assert "does not answer" in answer.text

    def test_another_secret_than_the_clients_gets_nobody_in(self, browser: Browser) -> None:
        oidc = browser.stage.config.product.oidc
        assert oidc is not None
        assert oidc.client_secret_file is not None
        oidc.client_secret_file.write_text("not-the-secret-of-it")
        assert browser.sign_in().status_code == 502


def test_knocking_without_end_is_stopped(browser: Browser) -> None:
    browser.stage.app.state.entrance = Entrance()
    assert [browser.get("/sign-in").status_code for _ in range(61)][-1] == 429


def test_nobody_approves_their_own_whichever_way_they_signed_in(browser: Browser) -> None:
    """ana proposes as an OS user; her session at the provider and her token are ana as well, and ben's is somebody else."""
    installation = browser.stage.world.installation
    browser.sign_in()
    session = credentials.by_session(installation, browser.stage.client.cookies[COOKIE], timedelta(hours=1))
    assert session == Actor(person="ana", method=Method.OIDC, assurance=Assurance.SIGNED)
    token = credentials.by_token(installation, browser.stage.secret("ana"))
    assert token == Actor(person="ana", method=Method.TOKEN, assurance=Assurance.LOCAL)
    version = baselines.capture(installation, "production", ANA)
    baselines.propose(installation, version.id, ANA)
    for actor in (session, token, ANA):
        with pytest.raises(RefusedError):
            approvals.approve(installation, version.id, actor, seen_hash=version.content_hash)
        assert browser.stage.world.ledger()[-1] == "baseline_approval_refused"
    browser.issuer.sub = "ben-at-the-provider"
    browser.sign_in()
    ben = credentials.by_session(installation, browser.stage.client.cookies[COOKIE], timedelta(hours=1))
    assert ben is not None
    assert approvals.approve(installation, version.id, ben, seen_hash=version.content_hash).active
