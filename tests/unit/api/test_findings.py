"""/findings: what was found, to those who may see it; acting on it by those who may, on what they saw, and once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from driftwatch.config.sections import Access
from driftwatch.domain.access import Role
from driftwatch.domain.finding import FindingState
from driftwatch.operations import findings
from tests.unit.api.caller import Stage
from tests.world import GROUPS, World, settled_world


@pytest.fixture
def world() -> World:
    made = settled_world()
    made.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    made.scan()
    return made


@pytest.fixture
def stage(world: World) -> Stage:
    return Stage(world)


def the_one(stage: Stage) -> str:
    (found,) = stage.get("/findings").json()["findings"]
    return str(found["id"])


def test_the_list_says_what_the_command_says(stage: Stage) -> None:
    answer = stage.get("/findings")
    assert answer.status_code == 200
    (found,) = answer.json()["findings"]
    assert (found["resource"], found["verdict"], found["state"]) == (
        "driftwatch:aws:111111111111:eu-west-1:AWS::EC2::SecurityGroup/one",
        "unauthorized",
        "open",
    )
    assert answer.json()["next"] is None


def test_whoever_has_the_page_already_gets_no_bytes(stage: Stage) -> None:
    first = stage.get("/findings")
    again = stage.get("/findings", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    stage.world.put(GROUPS, "two", Size=2)
    stage.world.scan()
    assert stage.get("/findings", headers={"If-None-Match": first.headers["etag"]}).status_code == 200


def test_pages_hold_every_finding_once_the_most_recent_first(stage: Stage) -> None:
    for number in range(7):
        stage.world.put(GROUPS, f"new-{number}", Size=number)
        stage.world.scan()
    listed = [finding.id for finding in findings.listed(stage.world.installation)]
    seen: list[str] = []
    cursor = None
    while True:
        answer = stage.get("/findings", params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        assert len(answer["findings"]) <= 3
        seen += [found["id"] for found in answer["findings"]]
        cursor = answer["next"]
        if cursor is None:
            break
    assert seen == listed
    assert len(seen) == 8


@pytest.mark.parametrize(
    "cursor",
    ["x", "W10", "WyIyMDI2IiwgMV0", "WyIyMDI2LTAxLTAxIiwgImEiXQ", "WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzE0OjAwIiwiYSJd", "e30", "-", "_" * 400],
)
def test_a_cursor_that_is_none_of_ours_is_refused(stage: Stage, cursor: str) -> None:
    answer = stage.get("/findings", params={"cursor": cursor})
    assert answer.status_code == 400
    assert "cursor" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ({}, 1),
        ({"state": "open"}, 1),
        ({"state": "reverted"}, 0),
        ({"verdict": "unauthorized"}, 1),
        ({"verdict": "authorized"}, 0),
        ({"account": "111111111111"}, 1),
        ({"account": "999999999999"}, 0),
        ({"region": "eu-west-1"}, 1),
        ({"type": "AWS::S3::Bucket"}, 0),
        ({"baseline": "production"}, 1),
        ({"baseline": "other"}, 0),
        ({"since": "2026-03-10T09:00:00Z"}, 1),
        ({"since": "2036-03-10T11:00:00+02:00"}, 0),
        ({"until": "2036-03-10T11:00:00+02:00"}, 1),
        ({"until": "2026-03-10T09:00:00Z"}, 0),
    ],
)
def test_each_filter_filters(stage: Stage, query: dict[str, str], number: int) -> None:
    assert len(stage.get("/findings", params=query).json()["findings"]) == number


SINCES = [
    {"since": text}
    for text in ("2026-03-10", "1773133200", "2026-03-10T09:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-01:00")
]


@pytest.mark.parametrize("query", [{"state": "opened"}, {"verdict": "x"}, {"limit": 0}, {"limit": 201}, {"limit": "x"}, *SINCES])
def test_a_value_that_is_none_is_refused_and_named(stage: Stage, query: dict[str, str]) -> None:
    answer = stage.get("/findings", params=query)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["where"].startswith(f"query.{next(iter(query))}")


def test_one_finding_shows_its_decisions_why_and_when(stage: Stage) -> None:
    id_ = the_one(stage)
    shown = stage.get(f"/findings/{id_}").json()
    assert [item["path"] for item in shown["differences"]] == ["/Size"]
    assert shown["decisions"][-1]["verdict"] == "unauthorized"
    assert any("no record" in line or "R1" in line for line in stage.get(f"/findings/{id_}/why").json()["lines"])
    events = stage.get(f"/findings/{id_}/timeline").json()["events"]
    assert [item["what"] for item in events] == ["last_good", "detected", "decided"]
    assert events == sorted(events, key=lambda item: item["at"])


@pytest.mark.parametrize("path", ["", "/why", "/timeline"])
def test_what_does_not_exist_is_not_found(stage: Stage, path: str) -> None:
    assert stage.get(f"/findings/finding-0000{path}").status_code == 404
    assert stage.get(f"/findings/{the_one(stage)[:-1]}{path}").status_code == 404, "a beginning of an id is for people who type"


def test_another_accounts_finding_does_not_exist_for_those_who_may_not_see_it(world: World) -> None:
    stage = Stage(world, (Access(role=Role.OPERATOR, to=("ana",), accounts=("222222222222",)), Access(role=Role.VIEWER, to=("ben",))))
    id_ = Stage(world).get("/findings").json()["findings"][0]["id"]
    assert stage.get("/findings").json()["findings"] == []
    assert stage.get("/findings", params={"account": "111111111111"}).json()["findings"] == []
    for path in ("", "/why", "/timeline"):
        assert stage.get(f"/findings/{id_}{path}").status_code == 404
    assert stage.post(f"/findings/{id_}/acknowledge").status_code == 404
    assert stage.get(f"/findings/{id_}", "ben").status_code == 200
    assert stage.post(f"/findings/{id_}/acknowledge", who="ben").status_code == 403


def test_an_acknowledgement_says_who_and_how(stage: Stage) -> None:
    id_ = the_one(stage)
    answer = stage.post(f"/findings/{id_}/acknowledge", {"ticket": "OPS-7"})
    assert answer.status_code == 200
    assert (answer.json()["handling"]["acknowledged_by"], answer.json()["handling"]["ticket"]) == ("ana", "OPS-7")
    (entry,) = [item for item in _entries(stage) if item["type"] == "finding_acknowledged"]
    assert (entry["person"], entry["method"], entry["assurance"]) == ("ana", "token", "local")


def test_a_repeated_write_is_done_once_and_answered_alike(stage: Stage) -> None:
    id_ = the_one(stage)
    key = {"Idempotency-Key": "key-12345678"}
    first = stage.post(f"/findings/{id_}/acknowledge", {"ticket": "OPS-7"}, headers=dict(key))
    again = stage.post(f"/findings/{id_}/acknowledge", {"ticket": "OPS-7"}, headers=dict(key))
    assert (first.status_code, again.status_code, first.content) == (200, 200, again.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert first.headers["etag"] == again.headers["etag"]
    assert stage.post(f"/findings/{id_}/acknowledge", {"ticket": "OPS-8"}, headers=dict(key)).status_code == 422, "another request"
    assert stage.post(f"/findings/{id_}/acknowledge", {"ticket": "OPS-7"}, "ben", headers=dict(key)).status_code == 403, (
        "another person's key"
    )
    stage.world.now += timedelta(days=2)
    assert stage.post(f"/findings/{id_}/acknowledge", {"ticket": "OPS-7"}, headers=dict(key)).status_code == 403, "a day is over"


def test_deciding_needs_what_was_looked_at(stage: Stage) -> None:
    id_ = the_one(stage)
    tag = stage.get(f"/findings/{id_}").headers["etag"]
    asked = {"until": "2026-03-20T00:00:00Z", "reason": "the vendor mends it next week"}
    assert stage.post(f"/findings/{id_}/except", asked).status_code == 428
    assert stage.post(f"/findings/{id_}/except", asked, headers={"If-Match": "*"}).status_code == 412
    stage.world.put(GROUPS, "one", Size=3, Rules=["a", "b"])
    stage.world.scan()
    (new,) = stage.get("/findings").json()["findings"]
    assert stage.post(f"/findings/{new['id']}/except", asked, headers={"If-Match": tag}).status_code == 412
    fresh = stage.get(f"/findings/{new['id']}").headers["etag"]
    stage.world.scan()
    done = stage.post(f"/findings/{new['id']}/except", asked, headers={"If-Match": fresh})
    assert done.status_code == 201, "that it was seen again is no other thing to look at"
    assert done.json()["content_hash"] == done.headers["etag"].strip('"')


def test_a_refusal_says_what_would_be_allowed_and_changes_nothing(stage: Stage) -> None:
    id_ = the_one(stage)
    stage.post(f"/findings/{id_}/acknowledge")
    answer = stage.post(f"/findings/{id_}/acknowledge")
    assert answer.status_code == 403
    assert "acknowledged" in answer.json()["detail"]
    tag = stage.get(f"/findings/{id_}").headers["etag"]
    gone = stage.post(f"/findings/{id_}/ratify", {"record": "CHG-9"}, "ben", headers={"If-Match": tag})
    assert gone.status_code == 404
    assert findings.case(stage.world.installation, id_).finding.state is FindingState.ACKNOWLEDGED


def _entries(stage: Stage) -> list[dict]:
    with stage.world.store.read() as uow:
        return [{"type": entry.type, **entry.body} for entry in uow.ledger.entries()]
