"""Headers, cookies and writes from elsewhere: every answer is protected, whatever became of the request."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import Response
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from driftwatch.api.entrance import Entrance
from driftwatch.api.first_link import FirstLink
from driftwatch.api.guard import COOKIE
from driftwatch.api.headers import MOST_BODY, Protected
from driftwatch.operations import credentials
from tests.unit.api.caller import Stage
from tests.world import ANA, World


@pytest.fixture
def stage() -> Stage:
    made = Stage(World(), own=True)

    def broken() -> Response:
        raise ValueError("the secret-canary of the estate")

    made.app.add_api_route("/broken", broken)
    return made


ANSWERS = [
    (200, "GET", "/api/v1/me", {}),
    (304, "GET", "/api/v1/me", {"headers": {"If-None-Match": "*"}}),
    (400, "POST", "/api/v1/findings/finding-1/acknowledge", {"content": b"{", "headers": {"Content-Type": "application/json"}}),
    (401, "GET", "/api/v1/findings", {"headers": {"Authorization": "Bearer x"}}),
    (404, "GET", "/nothing", {}),
    (404, "GET", "/api/v1/findings/finding-1", {}),
    (405, "DELETE", "/api/v1/me", {}),
    (405, "TRACE", "/api/v1/me", {}),
    (405, "OPTIONS", "/api/v1/me", {}),
    (413, "POST", "/api/v1/tokens", {"content": b" " * (MOST_BODY + 1), "headers": {"Content-Type": "application/json"}}),
    (415, "POST", "/api/v1/tokens", {"content": b"{}", "headers": {"Content-Type": "text/plain"}}),
    (422, "GET", "/api/v1/findings?limit=0", {}),
    (500, "GET", "/broken", {}),
    (200, "GET", "/sign-in/first", {}),
    (403, "POST", "/sign-out", {}),
]


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize(("status", "method", "path", "more"), ANSWERS)
@pytest.mark.slow
def test_every_answer_carries_them(stage: Stage, status: int, method: str, path: str, more: dict[str, Any], secure: bool) -> None:
    client = TestClient(Protected(stage.app, secure=secure), raise_server_exceptions=False)
    headers = {"Authorization": f"Bearer {stage.secret('ana')}"} | more.get("headers", {})
    answer = client.request(method, path, **more | {"headers": headers})
    assert answer.status_code == status
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert all(source == "'self'" for name, source in policy.items() if name.endswith("-src") and name != "default-src")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cross-origin-opener-policy"] == answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"
    assert ("strict-transport-security" in answer.headers) is secure
    assert "server" not in answer.headers
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_an_error_that_nobody_foresaw_says_an_id_and_the_log_the_rest(stage: Stage) -> None:
    with capture_logs() as told:
        answer = stage.client.get("/broken")
    (logged,) = told
    assert answer.json()["instance"].endswith(logged["error_id"]), "logged once, under the id that the caller has"
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["instance"].startswith("urn:driftwatch:error:")
    for word in ("canary", "ValueError", "Traceback", ".py"):
        assert word not in answer.text


def test_a_problem_repeats_no_value_that_was_sent(stage: Stage) -> None:
    answer = stage.get("/findings", params={"state": "secret-canary"})
    assert answer.status_code == 422
    assert "canary" not in answer.text


@pytest.mark.parametrize("origin", ["http://evil.example", "http://testserver", "null"])
def test_no_other_page_reads_anything(stage: Stage, origin: str) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    for method in ("OPTIONS", "GET"):
        answer = stage.client.request(method, "/api/v1/me", headers=headers)
        assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert stage.client.options("/api/v1/me", headers=headers).status_code == 405


class TestCookies:
    @pytest.fixture
    def link(self, stage: Stage) -> FirstLink:
        link = FirstLink("ana")
        stage.app.state.entrance = Entrance(first=link)
        return link

    def signed_in(self, stage: Stage, link: FirstLink, origin: str) -> str:
        answer = stage.client.post("/sign-in/first", data={"code": link.code()}, headers={"Origin": origin})
        assert answer.status_code == 200, answer.text
        return str(answer.headers["set-cookie"])

    def test_on_loopback_no_script_reads_it_and_no_other_page_sends_it(self, stage: Stage, link: FirstLink) -> None:
        name, *rest = self.signed_in(stage, link, "http://testserver").split("; ")
        assert name.startswith(f"{COOKIE}=")
        assert {part.lower() for part in rest} == {"httponly", "path=/", "samesite=strict"}, "no Domain, no Max-Age"

    def test_under_tls_it_belongs_to_this_host_and_tls_alone(self, stage: Stage, link: FirstLink) -> None:
        behind_tls(stage)
        name, *rest = self.signed_in(stage, link, "https://testserver").split("; ")
        assert name.startswith(f"__Host-{COOKIE}=")
        assert {part.lower() for part in rest} == {"httponly", "path=/", "samesite=strict", "secure"}

    def test_under_tls_the_plain_name_counts_for_nothing(self, stage: Stage) -> None:
        behind_tls(stage)
        secret = credentials.sign_in(stage.world.installation, ANA, stage_hours())
        assert stage.client.get("/api/v1/me", headers={"Cookie": f"{COOKIE}={secret}"}).status_code == 401
        assert stage.client.get("/api/v1/me", headers={"Cookie": f"__Host-{COOKIE}={secret}"}).status_code == 200


def stage_hours() -> Any:
    from datetime import timedelta

    return timedelta(hours=12)


def behind_tls(stage: Stage, **more: Any) -> None:
    product = stage.config.product.model_copy(update={"behind_tls": True, **more})
    stage.config = stage.config.model_copy(update={"product": product})


class TestForeignWrites:
    """Cross-site request forgery: with a cookie, a write needs our own page behind it."""

    PATH = "/api/v1/tokens"
    BODY = b'{"label": "x"}'

    def post(self, stage: Stage, body: bytes = BODY, type_: str = "application/json", **headers: str) -> int:
        given = {"Content-Type": type_} | headers
        return int(stage.client.post(self.PATH, content=body, headers=given).status_code)

    def test_our_own_page_writes(self, stage: Stage) -> None:
        stage.sign_in(ANA)
        assert self.post(stage, Origin="http://testserver") == 201

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Origin": "null"},
            {"Origin": ""},
            {"Origin": "http://evil.example"},
            {"Origin": "https://testserver"},
            {"Origin": "http://testserver:8080"},
            {"Origin": "http://testserver.evil.example"},
            {"Origin": "http://evil.example, http://testserver"},
            {"Referer": "http://testserver/page"},
        ],
    )
    @pytest.mark.slow
    def test_another_page_or_one_that_hides_does_not(self, stage: Stage, headers: dict[str, str]) -> None:
        stage.sign_in(ANA)
        before = stage.world.ledger()
        assert self.post(stage, **headers) == 403
        assert stage.world.ledger() == before

    @pytest.mark.parametrize("type_", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])
    def test_what_a_form_can_send_is_no_json(self, stage: Stage, type_: str) -> None:
        stage.sign_in(ANA)
        assert self.post(stage, type_=type_) == 403, "no Origin"
        assert self.post(stage, type_=type_, Origin="http://testserver") == 415

    def test_behind_tls_the_page_is_https_though_the_request_is_not(self, stage: Stage) -> None:
        behind_tls(stage)
        secret = credentials.sign_in(stage.world.installation, ANA, stage_hours())
        cookie = f"__Host-{COOKIE}={secret}"
        assert self.post(stage, Cookie=cookie, Origin="https://testserver") == 201
        assert self.post(stage, Cookie=cookie, Origin="http://testserver") == 403

    def test_the_public_address_is_the_one_that_counts(self, stage: Stage) -> None:
        behind_tls(stage, public_url="https://driftwatch.corp.example")
        secret = credentials.sign_in(stage.world.installation, ANA, stage_hours())
        cookie = f"__Host-{COOKIE}={secret}"
        assert self.post(stage, Cookie=cookie, Origin="https://driftwatch.corp.example") == 201
        assert self.post(stage, Cookie=cookie, Origin="https://testserver") == 403

    def test_a_token_needs_no_page(self, stage: Stage) -> None:
        finding = "/api/v1/findings/finding-1/acknowledge"
        answer = stage.client.post(finding, json={}, headers={"Authorization": f"Bearer {stage.secret('ana')}"})
        assert answer.status_code == 404
