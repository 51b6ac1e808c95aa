"""The pages of change records: what was allowed, by whom; forms act on what was seen; nobody is offered what they may not do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from driftwatch.api import record_view
from driftwatch.change_sources.register import RegisterSource
from driftwatch.config.sections import Access
from driftwatch.documents.drafts import draft
from driftwatch.domain.access import Role
from driftwatch.domain.baseline import Actor, Method
from driftwatch.domain.change import ApprovalKind, ChangeRecord, ChangeState, Expectation, SetAside
from driftwatch.operations import changes, register
from driftwatch.operations.register import Held
from tests.builders import approval, freeze, record, target, window
from tests.unit.api.caller import Stage
from tests.unit.api.pages import HOSTILE, assert_sound, form, offered, page, signed_in, submit, text
from tests.world import ACCOUNT, ANA, BEN, GROUPS, START, World, settled_world

OTHER = "222222222222"
CLEO = Actor(person="cleo", method=Method.OS_USER)
AT = "/changes/REG-1"
WRITTEN: dict[str, Any] = {
    "id": "REG-1",
    "title": "More room",
    "scope": [{"accounts": [ACCOUNT], "ids": ["one"], "attribute_paths": ["/Size"], "expected": [{"path": "/Size", "equals": 2}]}],
}


@pytest.fixture
def world() -> World:
    made = settled_world(register="register")
    made.change(sources=[RegisterSource("register", made.store), made.source])
    return made


@pytest.fixture
def stage(world: World) -> Stage:
    return Stage(world)


def written(world: World, **more: Any) -> Held:
    return register.new(world.installation, draft(WRITTEN | more, "test", world.now), ANA)


def requested(world: World) -> Held:
    written(world)
    return register.request(world.installation, "REG-1", ANA)


def state(world: World) -> ChangeState:
    return register.get(world.installation, "REG-1").record.state


def from_tickets(world: World, *records: ChangeRecord) -> None:
    world.source.records += [replace(item, source="tickets") for item in records]
    changes.sync(world.installation)


def test_a_record_lives_from_draft_to_closed_by_forms_alone(stage: Stage, world: World) -> None:
    written(world)
    assert offered(signed_in(stage, ANA), AT) == ["request", "cancel", "amend"]
    assert submit(stage, AT, "request").headers["location"] == AT
    assert "You cannot approve it" in text(stage, AT)
    assert offered(signed_in(stage, CLEO), AT) == ["approve", "reject", "review"]
    assert submit(stage, AT, "review", decision="changes_requested").status_code == 303
    assert submit(signed_in(stage, BEN), AT, "approve").status_code == 303
    assert state(world) is ChangeState.APPROVED
    assert "approve" not in offered(stage, AT)
    assert submit(signed_in(stage, ANA), AT, "start").status_code == 303
    assert submit(stage, AT, "close", outcome="successful_issues").status_code == 303
    shown = text(stage, AT)
    assert "successful issues" in shown
    assert offered(stage, AT) == []
    for who, decision in (("ben", "approved"), ("cleo", "changes requested")):
        row = shown.split(f"<tr><td>{who}</td>")[1].split("</tr>")[0]
        assert decision in row
    assert_sound(page(stage, AT).text)


@pytest.mark.parametrize("role", [Role.APPROVER, Role.ADMIN])
def test_nobody_is_offered_their_own_nor_gets_it_past_the_form(world: World, role: Role) -> None:
    held = requested(world)
    stage = signed_in(Stage(world, (Access(role=role, to=("*",)),)), ANA)
    assert "approve" not in offered(stage, AT)
    assert "ana asked for REG-1: nobody approves their own request" in text(stage, AT)
    answer = form(stage, f"{AT}/approve", seen=held.content_hash, kind="change")
    assert answer.status_code == 403
    assert state(world) is ChangeState.REQUESTED
    assert "attempt_denied" in world.ledger()


def test_an_approval_is_for_what_the_page_showed(stage: Stage, world: World) -> None:
    held = requested(world)
    signed_in(stage, BEN)
    assert held.content_hash in text(stage, AT)
    wanted = replace(held.record, title="Even more room")
    register.amend(world.installation, "REG-1", lambda _: wanted, ANA)
    for act, more in (("approve", {"kind": "change"}), ("reject", {"reason": "no"}), ("review", {"decision": "approved"})):
        assert form(stage, f"{AT}/{act}", seen=held.content_hash, **more).status_code == 412
        assert form(stage, f"{AT}/{act}", seen="", **more).status_code == 422
    assert (register.get(world.installation, "REG-1").record.approvals, state(world)) == ((), ChangeState.REQUESTED)
    assert submit(stage, AT, "approve").status_code == 303


def test_one_approval_of_two_is_told_and_not_offered_to_the_same_person_again(stage: Stage, world: World) -> None:
    policy = world.installation.policy
    world.change(policy=replace(policy, approvals=replace(policy.approvals, min_count=2)))
    requested(world)
    assert submit(signed_in(stage, BEN), AT, "approve").status_code == 303
    assert "ben approved REG-1 already" in text(stage, AT)
    assert "1 of 2" in text(stage, AT)
    assert "approve" not in offered(stage, AT)
    assert submit(signed_in(stage, CLEO), AT, "approve").status_code == 303
    assert state(world) is ChangeState.APPROVED


def test_whoever_may_lift_a_freeze_is_offered_that_and_nobody_else(stage: Stage, world: World) -> None:
    requested(world)
    register.approve(world.installation, "REG-1", CLEO, seen_hash=register.get(world.installation, "REG-1").content_hash)
    assert offered(signed_in(stage, BEN), AT) == ["reject", "review"]
    policy = world.installation.policy
    world.change(policy=replace(policy, context=replace(policy.context, freezes=(freeze(override_role="manager"),))))
    assert offered(stage, AT) == ["approve", "reject", "review"]
    assert submit(stage, AT, "approve").status_code == 303
    given = register.get(world.installation, "REG-1").record.approvals[-1]
    assert (given.who, given.kind) == ("ben", ApprovalKind.FREEZE_OVERRIDE)


def test_whoever_may_only_look_is_offered_and_allowed_nothing(world: World) -> None:
    held = requested(world)
    stage = signed_in(Stage(world, (Access(role=Role.VIEWER, to=("*",)), Access(role=Role.ADMIN, to=("*",), accounts=(OTHER,)))), BEN)
    assert offered(stage, AT) == []
    assert "the permission to approve" in text(stage, AT)
    for act in ("request", "amend", "approve", "reject", "review", "start", "close", "cancel"):
        before = len(world.ledger())
        assert form(stage, f"{AT}/{act}", seen=held.content_hash, reason="x").status_code == 403
        assert world.ledger()[before:] == ["attempt_denied"], act


def test_what_is_about_a_foreign_account_does_not_exist(world: World) -> None:
    held = requested(world)
    world.change(accounts=[ACCOUNT, OTHER])
    stage = signed_in(Stage(world, (Access(role=Role.ADMIN, to=("*",), accounts=(OTHER,)),)), BEN)
    for path in ("/changes", "/changes/unobserved"):
        assert "REG-1" not in text(stage, path)
    hidden, unknown = page(stage, AT), page(stage, "/changes/REG-2")
    assert hidden.status_code == unknown.status_code == 404
    assert hidden.text.replace("REG-1", "REG-2") == unknown.text
    assert form(stage, f"{AT}/approve", seen=held.content_hash, kind="change").status_code == 404


def test_a_form_that_is_wrong_is_refused_with_a_page_and_changes_nothing(stage: Stage, world: World) -> None:
    held = requested(world)
    signed_in(stage, BEN)
    wrong: list[tuple[str, dict[str, str], int]] = [
        ("approve", {"kind": "everything"}, 400),
        ("approve", {}, 422),
        ("approve", {"kind": "change", "who": "cleo"}, 422),
        ("approve", {"kind": "freeze_override"}, 403),
        ("reject", {}, 422),
        ("reject", {"reason": " "}, 422),
        ("review", {"decision": "withdrawn"}, 400),
        ("start", {}, 403),
        ("close", {"outcome": "fine"}, 400),
        ("cancel", {"reason": "not mine"}, 403),
    ]
    for act, fields, status in wrong:
        answer = form(stage, f"{AT}/{act}", seen=held.content_hash, **fields)
        assert (answer.status_code, answer.headers["content-type"][:9]) == (status, "text/html"), (act, fields)
    assert register.get(world.installation, "REG-1") == held


def test_amending_changes_what_the_form_has_and_nothing_else(stage: Stage, world: World) -> None:
    held = written(world, incident_id="INC-7", windows=[{"start": "2026-03-11T09:00:00Z", "end": "2026-03-11T10:00:00Z"}])
    signed_in(stage, ANA)
    shown = text(stage, AT)
    assert 'type="datetime-local" value="2026-03-11T09:00"' in shown
    fields = {"title": "Less", "implementers": "ben, cleo", "start": "2026-03-11T09:30", "end": "2026-03-11T11:00:30"}
    assert submit(stage, AT, "amend", **fields).status_code == 303
    made = register.get(world.installation, "REG-1").record
    assert (made.title, made.implementers, made.incident_id, made.scope) == ("Less", ("ben", "cleo"), "INC-7", held.record.scope)
    assert [f"{item.start:%H:%M:%S} {item.end:%H:%M:%S}" for item in made.windows] == ["09:30:00 11:00:30"]
    assert submit(stage, AT, "amend", title="Less", start="", end="").status_code == 303
    made = register.get(world.installation, "REG-1").record
    assert (made.windows, made.implementers) == ((), ())
    for wrong in ({"start": "soon", "end": "later"}, {"start": "2026-03-11T09:30", "end": ""}, {"implementers": "nobody-known"}):
        assert submit(stage, AT, "amend", title="X", **wrong).status_code in (400, 403)
    assert register.get(world.installation, "REG-1").record == made


def test_what_the_form_shows_and_nobody_touched_stays_to_the_last_second_and_line(stage: Stage, world: World) -> None:
    window = {"start": "2026-03-11T09:00:07Z", "end": "2026-03-11T10:00:08Z"}
    held = written(world, rollback_plan="one\ntwo \u202e three", implementers=["ana", "ben"], windows=[window])
    signed_in(stage, ANA)
    shown = {
        "implementers": "ana, ben",
        "rollback_plan": "one\r\ntwo \\u202e three",
        "start": "2026-03-11T09:00",
        "end": "2026-03-11T10:00",
    }
    assert "one\ntwo \\u202e three</textarea>" in text(stage, AT)
    assert submit(stage, AT, "amend", title="Another", **shown).status_code == 303
    assert register.get(world.installation, "REG-1").record == replace(
        held.record, title="Another", raw_hash=register.get(world.installation, "REG-1").record.raw_hash
    )
    assert submit(stage, AT, "amend", title="Another", **shown | {"rollback_plan": "four\r\nfive"}).status_code == 303
    assert register.get(world.installation, "REG-1").record.rollback_plan == "four\nfive"


def test_several_windows_are_not_lost_by_a_form_that_has_one(stage: Stage, world: World) -> None:
    days = ("2026-03-11", "2026-03-12")
    held = written(world, windows=[{"start": f"{day}T09:00:00Z", "end": f"{day}T10:00:00Z"} for day in days])
    assert submit(signed_in(stage, ANA), AT, "amend", title="Another").status_code == 303
    assert register.get(world.installation, "REG-1").record.windows == held.record.windows


def test_a_finding_becomes_a_draft_of_whoever_asks(stage: Stage, world: World) -> None:
    world.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    world.scan()
    (found,) = world.live()
    answer = submit(signed_in(stage, ANA), f"/findings/{found.id}", "draft")
    assert answer.status_code == 303
    made = changes.record(world.installation, answer.headers["location"].removeprefix("/changes/"))
    assert (made.state, made.requester, made.scope[0].attribute_paths) == (ChangeState.DRAFT, "ana", ("/Size",))
    shown = text(stage, answer.headers["location"])
    assert "<code>2</code>" in shown
    world.change(register=None)
    assert "draft" not in offered(stage, f"/findings/{found.id}")


def test_a_record_shows_what_it_decided(stage: Stage, world: World) -> None:
    from_tickets(world, record(id="CHG-1", scope=(target(ids=("one",), accounts=(ACCOUNT,)),)))
    world.put(GROUPS, "one", Size=2, Rules=["a"])
    world.scan()
    (found,) = world.live()
    shown = text(signed_in(stage, ANA), "/changes/CHG-1").split('id="findings"')[1]
    assert f'href="/findings/{found.id}"' in shown
    assert "/Size" in shown
    assert found.verdict_current.value in shown
    assert "The source tickets decides about it" in shown
    assert "the nearest record, and it does not cover this" in shown
    judged = text(stage, f"/findings/{found.id}")
    assert 'nearest is <a href="/changes/CHG-1"' in judged
    assert [len(changes.effects(world.installation, "CHG-1", most)) for most in (1, 9)] == [1, 2]


def test_pages_of_the_list_are_linked_and_hold_each_record_once(stage: Stage, world: World) -> None:
    from_tickets(world, *(record(id=f"CHG-{number}", created_at=START + timedelta(minutes=number % 7)) for number in range(60)))
    written(world)
    signed_in(stage, ANA)
    first = text(stage, "/changes")
    following = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = text(stage, following)
    assert 'rel="next"' not in second
    ids = [part.split('"')[0] for part in (first + second).split('href="/changes/')[1:]]
    assert sorted(ids) == sorted(["REG-1", "unobserved", "unobserved", *(f"CHG-{number}" for number in range(60))])
    assert "REG-1" not in text(stage, "/changes?source=tickets")
    assert "CHG-1" not in text(stage, "/changes?state=draft&source=")
    assert page(stage, "/changes?after=W10").status_code == 400


def test_a_source_that_cannot_be_read_is_told_before_anything_else(world: World) -> None:
    world.source.set_aside.append(SetAside(place="board:1:1", problem="no created_at", id="CHG-9"))
    changes.sync(world.installation)
    world.source.broken = True
    changes.sync(world.installation)
    shown = text(signed_in(Stage(world), ANA), "/changes")
    assert "The source tickets cannot be read since" in shown.split("<form")[0]
    assert "CHG-9: no created_at" in shown
    world.change(accounts=[ACCOUNT, OTHER])
    partly = signed_in(Stage(world, (Access(role=Role.VIEWER, to=("*",), accounts=(ACCOUNT,)),)), ANA)
    assert "CHG-9" not in text(partly, "/changes")


def test_what_was_approved_and_never_seen_is_a_list_of_its_own(stage: Stage, world: World) -> None:
    from_tickets(
        world, record(id="CHG-1", scope=(target(ids=("arn-1", "two")),)), record(id="CHG-2", state=ChangeState.DRAFT, approvals=())
    )
    shown = text(signed_in(stage, ANA), "/changes/unobserved")
    assert "/changes/CHG-1" in shown
    assert "<code>two</code>" in shown
    assert "CHG-2" not in shown
    assert_sound(page(stage, "/changes/unobserved").text)


def test_nothing_that_came_from_elsewhere_is_markup(stage: Stage, world: World) -> None:
    whole = "".join(HOSTILE)
    expected = tuple(Expectation(path=f"/{item}", equals=item, equals_given=True) for item in HOSTILE)
    hostile = record(
        id="a/../b <script>?#\u202e",
        title=whole,
        url="javascript:alert(1)",
        requester=whole,
        rollback_plan=whole,
        implementers=HOSTILE,
        artifact_ref=whole,
        approvals=(approval(who=whole),),
        scope=(target(ids=HOSTILE, tags={whole: HOSTILE}, accounts=(ACCOUNT,), attribute_paths=HOSTILE, expected=expected),),
    )
    from_tickets(world, hostile)
    world.source.set_aside.append(SetAside(place=whole, problem=whole, id=None))
    changes.sync(world.installation)
    signed_in(stage, ANA)
    address = f"/changes/{quote(hostile.id, safe='')}"
    assert f'href="{address}"' in text(stage, "/changes")
    for path in ("/changes", "/changes/unobserved", address, "/changes?source=%3Cscript%3E", "/changes/%3Cscript%3Ealert(1)"):
        assert_sound(page(stage, path).text)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text(stage, address)
    assert "\\u202egnp.exe" in text(stage, address)


def test_a_record_that_names_thousands_of_things_still_fits_a_page(stage: Stage, world: World) -> None:
    many = tuple(f"arn:aws:s3:::bucket-{number}" for number in range(500))
    scope = tuple(target(ids=many, accounts=(ACCOUNT,)) for _ in range(60))
    from_tickets(world, record(id="CHG-1", scope=scope, windows=(window(),) * 500, approvals=(approval(),) * 500))
    answer = page(signed_in(stage, ANA), "/changes/CHG-1")
    assert len(answer.content) < 300_000
    for rest in (f"and {500 - record_view.ITEMS} more", f"and {60 - record_view.TARGETS} more targets", "and 450 more"):
        assert rest in answer.text
