"""The pages of exceptions: what waits for a second person, and that nobody is the second person of their own."""

from __future__ import annotations

from datetime import timedelta

import pytest

from driftwatch.config.sections import Access
from driftwatch.domain.access import Role
from driftwatch.domain.exception import ExceptionRecord, ExceptionState
from driftwatch.domain.finding import FindingState
from driftwatch.operations import exceptions
from tests.unit.api.caller import Stage
from tests.unit.api.pages import HOSTILE, assert_sound, form, offered, page, signed_in, submit, text
from tests.unit.operations.acts import drifted, states
from tests.world import ACCOUNT, ANA, BEN, World

OTHER = "222222222222"


@pytest.fixture
def world() -> World:
    return drifted()[0]


@pytest.fixture
def stage(world: World) -> Stage:
    return Stage(world)


def asked(world: World, reason: str = "next release", days: float = 10) -> ExceptionRecord:
    (found,) = [finding for finding in world.live() if finding.resource == "one"]
    return exceptions.request(world.installation, found.id, ANA, until=world.now + timedelta(days=days), reason=reason)


def at(made: ExceptionRecord) -> str:
    return f"/exceptions/{made.id}"


def state(world: World, made: ExceptionRecord) -> ExceptionState:
    return exceptions.get(world.installation, made.id).state


def test_one_asks_another_approves_and_ends_it_by_forms_alone(stage: Stage, world: World) -> None:
    made = asked(world)
    assert "waits for somebody else" in text(signed_in(stage, BEN), "/exceptions")
    assert 'href="/exceptions"' in text(stage, "/findings")
    assert offered(stage, at(made)) == ["approve", "reject"]
    assert submit(stage, at(made), "approve").headers["location"] == at(made)
    assert states(world)["one"] is FindingState.EXCEPTED
    assert f'href="{at(made)}"' in text(stage, f"/findings/{made.finding}")
    assert offered(stage, at(made)) == ["revoke"]
    assert_sound(page(stage, at(made)).text)
    assert submit(stage, at(made), "revoke", reason="mended").status_code == 303
    assert states(world)["one"] is FindingState.OPEN
    assert offered(stage, at(made)) == []
    assert made.id not in text(stage, "/exceptions")
    assert made.id in text(stage, "/exceptions?status=revoked")


@pytest.mark.parametrize("role", [Role.APPROVER, Role.ADMIN])
def test_nobody_is_offered_their_own_nor_gets_it_past_the_form(world: World, role: Role) -> None:
    made = asked(world)
    stage = signed_in(Stage(world, (Access(role=role, to=("*",)),)), ANA)
    assert offered(stage, at(made)) == ["reject"]
    shown = text(stage, at(made))
    assert "nobody approves their own exception" in shown
    assert "Take it back" in shown
    seen = shown.split('name="seen" value="')[1].split('"')[0]
    assert form(stage, f"{at(made)}/approve", seen=seen).status_code == 403
    assert state(world, made) is ExceptionState.REQUESTED
    assert submit(stage, at(made), "reject", reason="mended").status_code == 303
    assert state(world, made) is ExceptionState.REJECTED


def test_a_form_acts_only_on_what_its_page_showed_and_with_all_that_it_needs(stage: Stage, world: World) -> None:
    made = asked(world)
    seen = text(signed_in(stage, BEN), at(made)).split('name="seen" value="')[1].split('"')[0]
    before = len(world.ledger())
    for act in ("approve", "reject", "revoke"):
        assert form(stage, f"{at(made)}/{act}", seen="0" * 64, reason="x").status_code == 412
        assert form(stage, f"{at(made)}/{act}", reason="x").status_code == 422
        assert form(stage, f"{at(made)}/{act}", seen=seen, reason="x", approved_by="cleo").status_code == 422
        assert form(stage, f"/exceptions/exception-0/{act}", seen=seen, reason="x").status_code == 404
    assert (state(world, made), len(world.ledger())) == (ExceptionState.REQUESTED, before)


def test_whoever_may_only_look_or_look_elsewhere_decides_nothing(world: World) -> None:
    made = asked(world)
    viewer = signed_in(Stage(world, (Access(role=Role.OPERATOR, to=("*",)),)), BEN)
    assert offered(viewer, at(made)) == []
    assert "the permission to approve" in text(viewer, at(made))
    assert form(viewer, f"{at(made)}/approve", seen="x").status_code == 403
    del viewer  # its application serves the next one
    world.change(accounts=[ACCOUNT, OTHER])
    foreign = signed_in(Stage(world, (Access(role=Role.ADMIN, to=("*",), accounts=(OTHER,)),)), BEN)
    assert made.id not in text(foreign, "/exceptions")
    hidden, unknown = page(foreign, at(made)), page(foreign, "/exceptions/exception-0")
    assert hidden.status_code == unknown.status_code == 404
    assert hidden.text.replace(made.id, "exception-0") == unknown.text
    assert form(foreign, f"{at(made)}/approve", seen="x").status_code == 404


def test_nothing_that_somebody_wrote_is_markup(stage: Stage, world: World) -> None:
    made = asked(world, "".join(HOSTILE))
    signed_in(stage, BEN)
    for path in ("/exceptions", at(made), "/exceptions?status=%3Cscript%3E", "/exceptions/%3Cscript%3E"):
        assert_sound(page(stage, path).text)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text(stage, at(made))
    assert "\\u202egnp.exe" in text(stage, at(made))
