"""The guard: nobody gets anywhere unidentified, everybody only where a role lets them, and a credential that is over is over at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from driftwatch.api.app import PREFIX, application
from driftwatch.api.entrance import Entrance
from driftwatch.api.first_link import FirstLink
from driftwatch.api.limits import Limiter
from driftwatch.api.routing import PERMISSION, GuardedRoute
from driftwatch.config.sections import Access
from driftwatch.documents.people import People
from driftwatch.domain.access import Permission, Role
from driftwatch.operations import credentials
from tests.unit.api.caller import Stage
from tests.world import ANA, PEOPLE, World

OPEN = {
    ("GET", "/sign-in"),
    ("GET", "/sign-in/callback"),
    ("GET", "/sign-in/first"),
    ("POST", "/sign-in/first"),
    ("POST", "/sign-out"),
    ("GET", "/static/{name}"),
}
"""The whole list of what needs no credentials: where people are identified, where a session ends, and the files that pages look with."""
OURS = {"Origin": "http://testserver"}
MAY = {
    Role.VIEWER: {"read"},
    Role.OPERATOR: {"read", "operate"},
    Role.APPROVER: {"read", "operate", "approve"},
    Role.AUDITOR: {"read", "audit"},
    Role.ADMIN: {"read", "operate", "approve", "audit", "administer"},
}
"""Written down once more, on purpose: the table of docs/api.md."""


@pytest.fixture
def stage() -> Stage:
    return Stage(World())


def registered(app: Any) -> Iterator[Any]:
    """Every route of the application as it is called, whether a document tells of it or not."""
    for route in app.routes:
        inner = getattr(route, "original_router", None)
        yield from [route] if inner is None else inner.routes


def walked() -> list[tuple[str, str, str | None]]:
    """Every operation of the application: method, path, and the permission that it says it needs."""
    app = application(lambda: None)  # type: ignore[arg-type,return-value]
    found = []
    for path, operations in app.openapi()["paths"].items():
        found += [(method.upper(), path, operation.get(PERMISSION)) for method, operation in operations.items()]
    return found


WALKED = walked()


def test_the_walk_finds_the_routes() -> None:
    assert ("GET", f"{PREFIX}/findings", "read") in WALKED
    assert len(WALKED) >= 10
    assert all(permission in set(Permission) for _, _, permission in WALKED), "every route says what it needs"


def test_every_route_is_guarded_but_for_a_fixed_list(stage: Stage) -> None:
    unguarded = {
        (method, route.path)
        for route in registered(stage.app)
        if not isinstance(route, GuardedRoute)
        for method in getattr(route, "methods", ("any",))
    }
    assert unguarded == OPEN
    for path in ("/", "/docs", "/redoc", "/openapi.json", "/metrics", "/debug", "/api", "/api/v1", "/healthz", "/api/v1/../../metrics"):
        assert stage.client.get(path).status_code in (401, 404), path


def concrete(path: str) -> str:
    for name, value in (("{finding}", "finding-0000"), ("{token}", "token-0000")):
        path = path.replace(name, value)
    while "{" in path:
        path = path[: path.index("{")] + "x-0000" + path[path.index("}") + 1 :]
    return path


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _ in WALKED])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer driftwatch_" + "A" * 43},
        {"Authorization": "Basic YW5hOmFuYQ=="},
        {"Authorization": "Bearer driftwatch_x", "Cookie": "driftwatch_session=x"},
        {"Cookie": "driftwatch_session=" + "A" * 43},
        {"X-Forwarded-User": "cleo", "X-Remote-User": "cleo"},
    ],
)
def test_every_route_is_closed_to_nobody_whatever_else_is_wrong(stage: Stage, method: str, path: str, headers: dict[str, str]) -> None:
    answer = stage.client.request(method, concrete(path), headers=headers, content=b"{broken" if method == "POST" else None)
    assert answer.status_code == 401, "before the body, the path's values and the permission are looked at"
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("role", list(Role))
def test_each_role_opens_what_it_says_and_nothing_else(role: Role) -> None:
    stage = Stage(World(), (Access(role=role, to=("ana",)),))
    for method, path, permission in WALKED:
        answer = stage.client.request(method, concrete(path), headers={"Authorization": f"Bearer {stage.secret('ana')}"})
        denied = answer.status_code == 403 and "product.access" in answer.json()["detail"]
        assert denied is (permission not in MAY[role]), f"{role} {method} {path} needs {permission}: {answer.status_code}"
        assert answer.status_code != 401


def test_without_a_role_nothing_opens_and_each_denial_is_in_the_ledger() -> None:
    stage = Stage(World(), (Access(role=Role.ADMIN, to=("ben",)), Access(role=Role.ADMIN, to=("group:nobodys",))))
    for method, path, _ in WALKED:
        answer = stage.client.request(method, concrete(path), headers={"Authorization": f"Bearer {stage.secret('ana')}"})
        assert answer.status_code == 403, f"{method} {path}"
    assert stage.world.ledger().count("attempt_denied") == len(WALKED)


def test_groups_and_everybody_have_the_roles_that_they_are_given() -> None:
    world = World()
    people = People(persons=tuple(replace(person, groups=("netops",)) if person.id == "ben" else person for person in PEOPLE.persons))
    world.change(people=people)
    stage = Stage(world, (Access(role=Role.AUDITOR, to=("*",)), Access(role=Role.OPERATOR, to=("group:netops",))))
    assert stage.get("/me").json()["roles"] == ["auditor"]
    assert stage.get("/me", "ben").json()["roles"] == ["auditor", "operator"]


def test_a_token_is_random_prefixed_and_kept_as_its_hash_only(stage: Stage) -> None:
    made = [credentials.new_token(stage.world.installation, ANA, "x", timedelta(days=1)) for _ in range(50)]
    secrets = {item.secret for item in made}
    assert len(secrets) == 50
    assert all(secret.startswith("driftwatch_") and len(secret) == len("driftwatch_") + 43 for secret in secrets), "256 bits"
    assert all(secret not in repr(item.token) for item in made for secret in secrets)


def test_a_token_that_is_over_opens_nothing(stage: Stage) -> None:
    assert stage.get("/me").status_code == 200
    stage.world.now += timedelta(days=300)
    assert stage.get("/me").status_code == 401, "expired"


def test_a_revoked_token_opens_nothing_from_that_moment(stage: Stage) -> None:
    assert stage.get("/me").status_code == 200
    (token,) = credentials.tokens(stage.world.installation, "ana")
    credentials.revoke(stage.world.installation, token.id, ANA, anybodys=False)
    assert stage.get("/me").status_code == 401


@pytest.mark.parametrize("way", ["token", "session"])
def test_whoever_leaves_people_yaml_is_out_at_once(stage: Stage, way: str) -> None:
    if way == "session":
        stage.sign_in(ANA)
    who = "ana" if way == "token" else None
    assert stage.get("/me", who).status_code == 200
    stage.world.change(people=People(persons=tuple(person for person in PEOPLE.persons if person.id != "ana")))
    assert stage.get("/me", who).status_code == 401


@pytest.mark.parametrize(
    "mangle", [str.upper, lambda secret: secret[:-1], lambda secret: secret + "A", lambda secret: secret.split("_")[1]]
)
def test_a_token_that_is_almost_right_is_wrong(stage: Stage, mangle: Any) -> None:
    answer = stage.client.get("/api/v1/me", headers={"Authorization": f"Bearer {mangle(stage.secret('ana'))}"})
    assert answer.status_code == 401


def test_a_session_ends_when_idle_and_at_the_latest_after_its_time(stage: Stage) -> None:
    stage.sign_in(ANA)
    for _ in range(14):
        stage.world.now += timedelta(minutes=50)
        answer = stage.get("/me", None)
    assert answer.status_code == 200, "used within the hour, each time"
    stage.world.now += timedelta(minutes=50)
    assert stage.get("/me", None).status_code == 401, "12 hours are over"
    stage.sign_in(ANA)
    stage.world.now += timedelta(minutes=60)
    assert stage.get("/me", None).status_code == 401, "idle"


def test_a_cookie_that_works_no_more_is_taken_back(stage: Stage) -> None:
    stage.sign_in(ANA)
    stage.world.now += timedelta(hours=13)
    first = stage.get("/me", None)
    assert (first.status_code, "Max-Age=0" in first.headers["set-cookie"]) == (401, True)
    assert "driftwatch_session" not in stage.client.cookies


def test_a_token_that_does_not_work_is_not_helped_by_a_session_that_does(stage: Stage) -> None:
    stage.sign_in(ANA)
    assert stage.client.get("/api/v1/me", headers={"Authorization": "Bearer driftwatch_wrong"}).status_code == 401


def test_failures_lock_an_address_out_which_is_logged_once_and_keeps_nobody_else_out(stage: Stage) -> None:
    wrong = {"Authorization": "Bearer driftwatch_wrong"}
    with capture_logs() as told:
        answers = [stage.client.get("/api/v1/me", headers=wrong) for _ in range(25)]
    assert [answer.status_code for answer in answers] == [401] * 20 + [429] * 5
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert [item["event"] for item in told] == ["sign_in_failed"] * 20 + ["sign_in_locked_out"]
    assert "driftwatch_wrong" not in repr(told)
    assert stage.get("/me").status_code == 200, "256 random bits are not guessed: who shows them comes in"
    assert stage.client.get("/api/v1/me").status_code == 401, "who shows none is told what is missing"


def test_behind_a_proxy_the_last_hop_says_who_failed(stage: Stage) -> None:
    product = stage.config.product.model_copy(update={"behind_tls": True})
    stage.config = stage.config.model_copy(update={"product": product})
    wrong = {"Authorization": "Bearer driftwatch_wrong"}
    for _ in range(25):
        locked = stage.client.get("/api/v1/me", headers=wrong | {"X-Forwarded-For": "10.9.9.9, 192.0.2.1"})
    assert locked.status_code == 429
    other = stage.client.get("/api/v1/me", headers=wrong | {"X-Forwarded-For": "192.0.2.1, 192.0.2.2"})
    assert other.status_code == 401


def test_one_person_cannot_ask_without_end(stage: Stage) -> None:
    now = [0.0]
    stage.app.state.around = replace(stage.around, requests=Limiter(3, 60.0, lambda: now[0]))
    assert [stage.get("/me").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert stage.get("/me", "ben").status_code == 200
    now[0] += 20
    assert stage.get("/me").status_code == 200


class TestFirstLink:
    """The link that `serve` prints."""

    @pytest.fixture
    def now(self) -> list[float]:
        return [0.0]

    @pytest.fixture
    def link(self, stage: Stage, now: list[float]) -> FirstLink:
        link = FirstLink("ana", lambda: now[0])
        stage.app.state.entrance = Entrance(first=link)
        return link

    def use(self, stage: Stage, code: str, **headers: str) -> Any:
        return stage.client.post("/sign-in/first", data={"code": code}, headers=headers or OURS)

    def test_it_signs_the_os_users_person_in_once(self, stage: Stage, link: FirstLink) -> None:
        code = link.code()
        for _ in range(3):
            seen = stage.client.get("/sign-in/first", params={"code": code})
            assert (seen.status_code, "set-cookie" in seen.headers) == (200, False), "a preview uses nothing up"
        assert code in seen.text
        done = self.use(stage, code)
        assert done.status_code == 200
        assert stage.get("/me", None).json() | {"accounts": []} == {
            "person": "ana",
            "method": "os_user",
            "assurance": "local",
            "roles": ["operator"],
            "accounts": [],
        }
        stage.client.cookies.clear()
        assert self.use(stage, code).status_code == 403
        assert not stage.client.cookies

    def test_a_quarter_of_an_hour_is_all_it_has(self, stage: Stage, link: FirstLink, now: list[float]) -> None:
        code = link.code()
        now[0] += 900
        assert self.use(stage, code).status_code == 403

    def test_a_wrong_code_is_refused_and_does_not_use_the_right_one_up(self, stage: Stage, link: FirstLink) -> None:
        code = link.code()
        assert self.use(stage, code[:-1]).status_code == 403
        assert self.use(stage, "").status_code == 403
        assert self.use(stage, code).status_code == 200

    def test_guessing_ends_in_a_lock_out(self, stage: Stage, link: FirstLink) -> None:
        link.code()
        assert [self.use(stage, f"guess-{n}").status_code for n in range(22)] == [403] * 20 + [429] * 2

    @pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://testserver", "http://testserver.evil.example"])
    def test_another_page_cannot_post_it(self, stage: Stage, link: FirstLink, origin: str) -> None:
        code = link.code()
        assert self.use(stage, code, Origin=origin).status_code == 403
        assert stage.client.post("/sign-in/first", data={"code": code}).status_code == 403, "no Origin"
        assert self.use(stage, code).status_code == 200

    def test_without_a_link_there_is_none(self, stage: Stage) -> None:
        assert self.use(stage, "A" * 43).status_code == 403

    def test_what_stands_in_the_link_is_text_on_the_page(self, stage: Stage, link: FirstLink) -> None:
        page = stage.client.get("/sign-in/first", params={"code": '"><script>alert(1)</script>'})
        assert "<script" not in page.text

    def test_a_new_sign_in_has_a_new_secret_and_ends_the_old_session(self, stage: Stage, link: FirstLink) -> None:
        old = stage.sign_in(ANA)
        self.use(stage, link.code())
        new = stage.client.cookies["driftwatch_session"]
        assert new != old
        stage.client.cookies.clear()
        assert stage.client.get("/api/v1/me", headers={"Cookie": f"driftwatch_session={old}"}).status_code == 401
        assert stage.client.get("/api/v1/me", headers={"Cookie": f"driftwatch_session={new}"}).status_code == 200

    def test_signing_out_ends_the_session_on_this_side_too(self, stage: Stage) -> None:
        secret = stage.sign_in(ANA)
        assert stage.client.post("/sign-out").status_code == 403, "another page cannot sign anybody out"
        done = stage.client.post("/sign-out", headers=OURS)
        assert (done.status_code, "Max-Age=0" in done.headers["set-cookie"]) == (200, True)
        stage.client.cookies.clear()
        assert stage.client.get("/api/v1/me", headers={"Cookie": f"driftwatch_session={secret}"}).status_code == 401
        assert stage.world.ledger()[-2:] == ["signed_in", "signed_out"]
