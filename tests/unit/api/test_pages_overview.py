"""The overview: what waits for whoever looks at it, and what the last 30 days were like; only of what they may see."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from driftwatch.change_sources.register import RegisterSource
from driftwatch.config.sections import Access
from driftwatch.domain.access import Role
from driftwatch.domain.baseline import Actor, Method
from driftwatch.domain.change import ChangeRecord, ChangeState, Target
from driftwatch.domain.snapshot import GapReason
from driftwatch.operations import approvals, baselines, exceptions, findings, register, waiting
from tests.builders import record
from tests.unit.api.caller import Stage
from tests.unit.api.pages import HOSTILE, Read, assert_sound, page, signed_in
from tests.world import ACCOUNT, ANA, BEN, BUCKETS, GROUPS, World, settled_world

CLEO = Actor(person="cleo", method=Method.OS_USER)
OTHER = "222222222222"


@pytest.fixture
def world() -> World:
    made = settled_world(register="register")
    made.change(sources=[RegisterSource("register", made.store), made.source])
    made.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    made.scan()
    return made


def shown(stage: Stage, who: Actor) -> str:
    answer = page(signed_in(stage, who), "/")
    assert answer.status_code == 200, answer.text
    assert_sound(answer.text)
    return str(answer.text)


def waits(stage: Stage, who: Actor) -> str:
    return shown(stage, who).split('id="waiting"')[1].split("<h2")[0]


def asked_for(world: World, id_: str, who: Actor) -> ChangeRecord:
    """A record that this person asks for."""
    scope = (Target(accounts=(ACCOUNT,), ids=("one",), attribute_paths=("/Size",)),)
    draft = record(id=id_, requester=who.person, authors=(), implementers=("ana",), scope=scope, approvals=(), state=ChangeState.DRAFT)
    register.new(world.installation, draft, who)
    return register.request(world.installation, id_, who).record


def test_nothing_waits_where_nothing_does() -> None:
    assert "Nothing." in waits(Stage(settled_world()), BEN)


def test_what_somebody_else_asked_for_waits_for_whoever_may_approve(world: World) -> None:
    stage, (finding,) = Stage(world), world.live()
    version = baselines.propose(world.installation, baselines.capture(world.installation, "production", ANA).id, ANA)
    asked = exceptions.request(world.installation, finding.id, ANA, until=world.now + timedelta(days=9), reason="".join(HOSTILE))
    change = asked_for(world, "CHG-1", ANA)
    mine = asked_for(world, "CHG-2", BEN)
    text = waits(stage, BEN)
    for link in (f"/baselines/versions/{version.id}", f"/changes/{change.id}", f"/exceptions/{asked.id}"):
        assert f'href="{link}"' in text
    assert mine.id not in text, "nobody approves their own"
    assert "Nothing." in waits(stage, ANA), "she asked for it all, and may approve nothing"
    assert f"/changes/{mine.id}" in waits(stage, CLEO)
    approvals.reject(world.installation, version.id, BEN, "no")
    assert version.id not in waits(stage, CLEO)


def test_findings_that_one_took_on_and_that_are_late_wait(world: World) -> None:
    stage, (finding,) = Stage(world), world.live()
    assert finding.id not in waits(stage, ANA)
    world.now += timedelta(hours=world.installation.policy.acknowledge_target_h + 1)
    assert "nobody took on in time" in waits(stage, ANA)
    findings.ack(world.installation, finding.id, BEN)
    assert "Findings that you took on" in waits(stage, BEN)
    assert finding.id not in waits(stage, ANA)


def test_of_much_that_waits_only_some_is_listed(world: World) -> None:
    for number in range(30):
        world.put(GROUPS, f"sg-{number}", Size=1)
    world.scan()
    for finding in world.live():
        findings.ack(world.installation, finding.id, ANA)
    text = waits(Stage(world), ANA)
    assert "more than 10" in text
    assert text.count("/findings/") == waiting.SHOWN


def test_each_day_has_its_numbers_for_eyes_and_for_readers(world: World) -> None:
    world.put(GROUPS, "one", Size=1, Rules=["a", "b"])
    world.collector.failing[BUCKETS] = GapReason.DENIED
    world.scan(minutes=60 * 24)
    text = shown(Stage(world), BEN)
    days = re.findall(r'<th scope="row">(\S+)</th><td>(\d+)</td><td>(\d+)</td><td>(\d+)</td><td>(\d+)</td>', text)
    assert len(days) == 30
    assert days[-2:] == [("2026-03-10", "1", "0", "2", "2"), ("2026-03-11", "0", "1", "1", "0")]
    assert "1 finding opened and 1 closed. 2 of 3 scans read everything." in text
    bars = [attributes["class"] for tag, attributes in Read(text).tags if tag == "rect"]
    assert sorted(bars) == ["closed", "opened", "partly", "whole"]


def test_what_one_may_not_read_is_not_counted_and_does_not_wait(world: World) -> None:
    world.change(accounts=[ACCOUNT, OTHER])
    version = baselines.propose(world.installation, baselines.capture(world.installation, "production", ANA).id, ANA)
    world.now += timedelta(hours=200)
    stage = Stage(world, (Access(role=Role.APPROVER, to=("ben",), accounts=(OTHER,)),))
    text = shown(stage, BEN)
    assert version.id not in text
    assert "/findings/finding" not in text
    assert "0 findings opened" in text
    assert ACCOUNT not in text
