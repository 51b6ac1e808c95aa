"""/tokens and /me: one's own tokens, other people's for an admin; a secret is seen once; a token makes no tokens."""

from __future__ import annotations

from datetime import timedelta

import pytest

from driftwatch.config.sections import Access
from driftwatch.domain.access import Role
from driftwatch.operations import credentials
from tests.unit.api.caller import Stage
from tests.world import ACCOUNT, ANA, World

OURS = {"Origin": "http://testserver"}


@pytest.fixture
def stage() -> Stage:
    return Stage(World())


def test_whoever_asks_is_told_who_they_are_and_what_they_may_where(stage: Stage) -> None:
    assert stage.get("/me").json() == {
        "person": "ana",
        "method": "token",
        "assurance": "local",
        "roles": ["operator"],
        "accounts": [{"account": ACCOUNT, "permissions": ["read", "operate"]}],
    }


def test_somebody_who_signed_in_makes_a_token_and_sees_its_secret_once(stage: Stage) -> None:
    stage.sign_in(ANA)
    made = stage.post("/tokens", {"label": "deploy job", "days": 3}, None, headers=OURS)
    assert made.status_code == 201
    secret = made.json()["secret"]
    assert secret.startswith("driftwatch_")
    assert (made.json()["person"], made.json()["status"]) == ("ana", "active")
    stage.client.cookies.clear()
    assert stage.client.get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"}).json()["person"] == "ana"
    listed = stage.get("/tokens")
    assert secret not in listed.text
    assert credentials.digest(secret) not in listed.text
    assert made.json()["id"] in [item["id"] for item in listed.json()["tokens"]]


def test_a_repetition_makes_no_second_token_and_tells_no_secret_again(stage: Stage) -> None:
    stage.sign_in(ANA)
    key = OURS | {"Idempotency-Key": "once-and-only-once"}
    first = stage.post("/tokens", {"label": "job"}, None, headers=dict(key)).json()
    again = stage.post("/tokens", {"label": "job"}, None, headers=dict(key)).json()
    assert again == first | {"secret": None}
    with stage.world.store.read() as uow:
        assert len(uow.tokens.all("ana")) == 1


def test_a_token_makes_no_tokens_and_the_attempt_is_in_the_ledger(stage: Stage) -> None:
    answer = stage.post("/tokens", {"label": "job"}, "cleo")
    assert answer.status_code == 403
    assert "driftwatch token new" in answer.json()["detail"]
    assert stage.world.ledger()[-1] == "attempt_denied"


def test_only_an_admin_of_every_account_sees_and_ends_other_peoples_tokens(stage: Stage) -> None:
    stage.secret("ben")
    (bens,) = credentials.tokens(stage.world.installation, "ben")
    assert stage.get("/tokens", params={"all": "true"}).status_code == 403
    assert [item["person"] for item in stage.get("/tokens").json()["tokens"]] == ["ana"]
    assert stage.post(f"/tokens/{bens.id}/revoke").status_code == 403
    assert stage.get("/me", "ben").status_code == 200
    everybodys = stage.get("/tokens", "cleo", params={"all": "true"}).json()["tokens"]
    assert {item["person"] for item in everybodys} == {"ana", "ben", "cleo"}
    assert stage.post(f"/tokens/{bens.id}/revoke", who="cleo").json()["revoked_by"] == "cleo"
    assert stage.get("/me", "ben").status_code == 401, "at once"


def test_an_admin_of_one_account_of_several_is_none_of_tokens(stage: Stage) -> None:
    stage.world.change(accounts=[ACCOUNT, "222222222222"])
    narrow = Stage(stage.world, (Access(role=Role.ADMIN, to=("cleo",), accounts=(ACCOUNT,)), Access(role=Role.VIEWER, to=("ben",))))
    narrow.secret("ben")
    (bens,) = credentials.tokens(stage.world.installation, "ben")
    assert narrow.post(f"/tokens/{bens.id}/revoke", who="cleo").status_code == 403
    assert narrow.get("/tokens", "cleo", params={"all": "true"}).status_code == 403


def test_revoking_again_changes_nothing_and_what_is_unknown_is_not_found(stage: Stage) -> None:
    stage.secret("ben")
    (bens,) = credentials.tokens(stage.world.installation, "ben")
    first = stage.post(f"/tokens/{bens.id}/revoke", who="cleo").json()
    stage.world.now += timedelta(minutes=5)
    assert stage.post(f"/tokens/{bens.id}/revoke", who="cleo").json() == first
    assert stage.post("/tokens/token-99999/revoke", who="cleo").status_code == 404


@pytest.mark.parametrize(
    "body", [{"label": ""}, {"label": "a\nb"}, {"label": "x" * 81}, {"label": "a", "days": 0}, {"label": "a", "days": 367}]
)
def test_a_token_without_a_plain_label_or_an_end_is_refused(stage: Stage, body: dict) -> None:
    stage.sign_in(ANA)
    assert stage.post("/tokens", body, None, headers=OURS).status_code in (400, 422)


def test_a_stranger_to_every_role_is_told_so(stage: Stage) -> None:
    nobody = Stage(stage.world, ())
    answer = nobody.get("/me")
    assert answer.status_code == 403
    assert "product.access" in answer.json()["detail"]
