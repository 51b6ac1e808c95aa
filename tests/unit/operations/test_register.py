"""The built-in register: every step is guarded, dated by driftwatch's clock, and in the ledger with the person who took it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from driftwatch.change_sources.register import RegisterSource
from driftwatch.domain.authorization.policy import ApprovalRequirement, Freeze, Mode, PriorApproval, Template, TemplateStatus
from driftwatch.domain.authorization.register_rules import MATERIAL, content_hash
from driftwatch.domain.baseline import Actor, Assurance, Method
from driftwatch.domain.change import (
    ApprovalDecision,
    ApprovalKind,
    ChangeOutcome,
    ChangeRecord,
    ChangeState,
    ChangeType,
    ReviewDecision,
    Risk,
    TestResult,
    TestRun,
    Window,
)
from driftwatch.domain.decision import Verdict
from driftwatch.domain.finding import FindingState
from driftwatch.errors import InputError, NotFoundError, RefusedError, StoreError
from driftwatch.operations import changes, findings, register
from driftwatch.operations.register import Held
from tests.builders import approval, at, target, window
from tests.world import ANA, BEN, GROUPS, START, World, settled_world

CLEO = Actor(person="cleo", method=Method.SSH, assurance=Assurance.SIGNED)
GROUP_ONE = target(ids=("one",), attribute_paths=("/Size",))
WRITTEN = ChangeRecord(id="CHG-1", source="", title="More room", implementers=("ana",), scope=(GROUP_ONE,), created_at=START)


def world(**overrides: Any) -> World:
    made = World(register="register", **overrides)
    made.change(sources=[RegisterSource("register", made.store), made.source])
    return made


def with_policy(made: World, **fields: Any) -> None:
    rules = {**made.installation.policy.rules, **fields.pop("rules", {})}
    context = replace(made.installation.policy.context, **fields.pop("context", {}))
    made.change(policy=replace(made.installation.policy, rules=rules, context=context, **fields))


def requested(made: World, **fields: Any) -> Held:
    register.new(made.installation, replace(WRITTEN, **fields), ANA)
    return register.request(made.installation, "CHG-1", ANA)


def approved(made: World, **fields: Any) -> Held:
    held = requested(made, **fields)
    return register.approve(made.installation, "CHG-1", BEN, seen_hash=held.content_hash)


def entries(made: World) -> list[tuple[str, Any]]:
    with made.store.read() as uow:
        return [(entry.type, entry.body) for entry in uow.ledger.entries()]


def state(made: World) -> ChangeState:
    return register.get(made.installation, "CHG-1").record.state


def test_the_whole_way_of_a_record_is_dated_by_the_clock_and_told_in_the_ledger() -> None:
    made = world()
    steps: list[Callable[[], Held]] = [
        lambda: register.new(made.installation, WRITTEN, ANA),
        lambda: register.request(made.installation, "CHG-1", ANA),
        lambda: register.approve(made.installation, "CHG-1", BEN, seen_hash=content_hash(changes.record(made.installation, "CHG-1"))[:12]),
        lambda: register.start(made.installation, "CHG-1", ANA),
        lambda: register.close(made.installation, "CHG-1", ANA, ChangeOutcome.SUCCESSFUL),
    ]
    times, states = [], []
    for step in steps:
        made.now += timedelta(minutes=1)
        times.append(made.now)
        states.append(step().record.state.value)
    assert states == ["draft", "requested", "approved", "implementing", "closed"]
    record = register.get(made.installation, "CHG-1").record
    assert (record.created_at, record.approvals[0].at, record.implemented_at, record.closed_at) == (times[0], *times[2:])
    assert (record.requester, record.source, record.outcome) == ("ana", "register", ChangeOutcome.SUCCESSFUL)
    told = entries(made)
    assert [type_ for type_, _ in told] == ["change_created", "change_requested", "change_approved", "change_started", "change_closed"]
    assert {(body["record"], body["content_hash"]) for _, body in told} == {("CHG-1", content_hash(record))}
    assert [(body["person"], body["method"], body["assurance"]) for _, body in told[1:3]] == [
        ("ana", "os_user", "local"),
        ("ben", "ssh", "signed"),
    ]


STEPS: dict[str, Callable[[World], Held]] = {
    "request": lambda made: register.request(made.installation, "CHG-1", ANA),
    "approve": lambda made: register.approve(
        made.installation, "CHG-1", BEN, seen_hash=register.get(made.installation, "CHG-1").content_hash
    ),
    "reject": lambda made: register.reject(made.installation, "CHG-1", BEN, "no"),
    "start": lambda made: register.start(made.installation, "CHG-1", ANA),
    "close": lambda made: register.close(made.installation, "CHG-1", ANA, ChangeOutcome.SUCCESSFUL),
    "cancel": lambda made: register.cancel(made.installation, "CHG-1", ANA, "no need"),
    "amend": lambda made: register.amend(made.installation, "CHG-1", lambda now: replace(now, title=f"{now.title}!"), ANA),
}
ALLOWED = {
    "draft": {"request", "cancel", "amend"},
    "requested": {"approve", "reject", "cancel", "amend"},
    "approved": {"approve", "reject", "start", "cancel", "amend"},
    "implementing": {"approve", "reject", "close", "amend"},
    "closed": set(),
    "rejected": set(),
    "cancelled": set(),
}
WAYS: dict[str, tuple[str, ...]] = {
    "draft": (),
    "requested": ("request",),
    "approved": ("request", "approve"),
    "implementing": ("request", "approve", "start"),
    "closed": ("request", "approve", "start", "close"),
    "rejected": ("request", "reject"),
    "cancelled": ("cancel",),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("where", WAYS)
def test_each_step_is_possible_from_its_own_states_only(where: str, step: str) -> None:
    """A refused step leaves the record as it was, and an entry that says who tried what, and why it was refused."""
    made = world()
    register.new(made.installation, WRITTEN, ANA)
    for earlier in WAYS[where]:
        STEPS[earlier](made)
    before = register.get(made.installation, "CHG-1").record
    assert before.state.value == where
    if step in ALLOWED[where]:
        assert STEPS[step](made).record != before
        return
    with pytest.raises(RefusedError, match=where):
        STEPS[step](made)
    assert register.get(made.installation, "CHG-1").record == before
    type_, body = entries(made)[-1]
    assert (type_, body["object"]) == ("attempt_denied", "CHG-1")
    assert body["person"] in ("ana", "ben")
    assert where in body["why"]


@pytest.mark.parametrize(
    ("fields", "who"),
    [({}, ANA), ({"implementers": ("ben",)}, BEN), ({"authors": ("ben",)}, BEN), ({"implementers": ("ben@corp.example",)}, BEN)],
)
def test_nobody_approves_their_own_request_or_a_change_they_take_part_in(fields: Any, who: Actor) -> None:
    """Under any of their names, where R5 is enforced; the requester never, whatever the policy says."""
    made = world()
    with_policy(made, rules={"R5": Mode.ENFORCE}, context={"identities": {"ana": (), "ben": ("ben@corp.example",), "cleo": ()}})
    held = requested(made, **fields)
    with pytest.raises(RefusedError, match=r"nobody approves"):
        register.approve(made.installation, "CHG-1", who, seen_hash=held.content_hash)
    assert entries(made)[-1][0] == "attempt_denied"
    with_policy(made, rules={"R5": Mode.OFF})
    if who is ANA:
        with pytest.raises(RefusedError, match="nobody approves their own request"):
            register.approve(made.installation, "CHG-1", who, seen_hash=held.content_hash)
    else:
        assert register.approve(made.installation, "CHG-1", who, seen_hash=held.content_hash).record.state is ChangeState.APPROVED


@pytest.mark.parametrize("seen", ["", "abc", "0" * 12, "0" * 64])
def test_an_approval_names_the_content_that_was_seen(seen: str) -> None:
    made = world()
    requested(made)
    with pytest.raises(RefusedError, match="content hash"):
        register.approve(made.installation, "CHG-1", BEN, seen_hash=seen)
    assert state(made) is ChangeState.REQUESTED


def test_a_record_that_changed_meanwhile_is_not_approved() -> None:
    made = world()
    seen = requested(made).content_hash
    register.amend(made.installation, "CHG-1", lambda now: replace(now, scope=(target(ids=("*:*",)),)), ANA)
    with pytest.raises(RefusedError, match="content hash"):
        register.approve(made.installation, "CHG-1", BEN, seen_hash=seen)
    assert register.get(made.installation, "CHG-1").record.approvals == ()


CHANGED: dict[str, Any] = {
    "url": "https://tickets.example/1",
    "title": "another",
    "type": ChangeType.EMERGENCY,
    "risk": Risk.HIGH,
    "authors": ("cleo",),
    "implementers": ("cleo",),
    "rollback_plan": "put it back",
    "incident_id": "INC-1",
    "template_id": "T-1",
    "artifact_ref": "abc",
    "run_ids": ("run-1",),
    "tests": (TestRun(environment="dev", kind="unit", automated=True, result=TestResult.PASSED, finished_at=START),),
    "windows": (window(),),
    "scope": (target(ids=("two",)),),
}


@pytest.mark.parametrize("field", [name for name in MATERIAL if name not in ("id", "requester")])
def test_every_change_of_material_asks_for_a_new_approval(field: str) -> None:
    """The old approval stays in the list, dated before `material_changed_at`: R16 sees that it was for something else."""
    made = world()
    first = approved(made)
    held = register.amend(made.installation, "CHG-1", lambda now: replace(now, **{field: CHANGED[field]}), ANA)
    record = held.record
    assert (record.state, held.content_hash != first.content_hash) == (ChangeState.REQUESTED, True)
    assert [item.who for item in record.approvals] == ["ben"]
    assert record.material_changed_at is not None
    assert record.material_changed_at > record.approvals[0].at, "also where both happen in one instant"
    assert "0 of 1 required approvals given" in held.notes[0]
    if field != "type":
        with pytest.raises(RefusedError, match="approved first"):
            register.start(made.installation, "CHG-1", ANA)
    made.now += timedelta(seconds=1)
    assert register.approve(made.installation, "CHG-1", BEN, seen_hash=held.content_hash).record.state is ChangeState.APPROVED


def test_a_draft_is_amended_freely_and_only_by_those_who_wrote_it() -> None:
    made = world()
    register.new(made.installation, WRITTEN, ANA)
    assert STEPS["amend"](made).record.material_changed_at is None
    with pytest.raises(RefusedError, match="neither"):
        register.amend(made.installation, "CHG-1", lambda now: replace(now, title="mine"), BEN)
    with pytest.raises(RefusedError, match="nothing was changed"):
        register.amend(made.installation, "CHG-1", lambda now: now, ANA)


@pytest.mark.parametrize(
    "forged",
    [
        {"state": ChangeState.APPROVED, "approvals": (approval("ben"),)},
        {"requester": "ben"},
        {"closed_at": at("01-01 00:00"), "created_at": at("01-01 00:00"), "material_changed_at": at("01-01 00:00")},
    ],
)
def test_what_an_amendment_says_beyond_its_material_counts_for_nothing(forged: Any) -> None:
    made = world()
    before = requested(made).record
    record = register.amend(made.installation, "CHG-1", lambda now: replace(now, title="new", **forged), ANA).record
    assert (record.state, record.approvals, record.requester) == (ChangeState.REQUESTED, (), "ana")
    assert (record.created_at, record.closed_at) == (before.created_at, None)


def test_a_new_record_brings_no_past_with_it() -> None:
    made = world()
    old = at("01-01 00:00")
    forged = replace(WRITTEN, created_at=old, source="tickets", state=ChangeState.APPROVED)
    record = register.new(made.installation, forged, ANA).record
    assert (record.created_at, record.source, record.state) == (made.now, "register", ChangeState.DRAFT)
    with pytest.raises(RefusedError, match="ben as its requester"):
        register.new(made.installation, replace(WRITTEN, id="CHG-2", requester="ben"), ANA)


def test_a_clock_that_went_back_dates_nothing() -> None:
    made = world()
    held = requested(made)
    made.now -= timedelta(minutes=1)
    with pytest.raises(RefusedError, match="the clock says"):
        register.approve(made.installation, "CHG-1", BEN, seen_hash=held.content_hash)


@pytest.mark.parametrize("holder", ["register", "tickets"])
def test_an_id_stands_once_over_all_sources(holder: str) -> None:
    made = world()
    if holder == "register":
        register.new(made.installation, WRITTEN, ANA)
    else:
        made.source.records.append(replace(WRITTEN, source="tickets"))
        changes.sync(made.installation)
    with pytest.raises(RefusedError, match=f"{holder} holds a record CHG-1 already"):
        register.new(made.installation, WRITTEN, BEN)


@pytest.mark.parametrize("names", [{"implementers": ("zoe",)}, {"authors": ("zoe", "ana")}, {"implementers": ("group:nobody",)}])
def test_unknown_people_and_groups_are_refused(names: Any) -> None:
    with pytest.raises(RefusedError, match=r"nobody knows (zoe|group:nobody)"):
        register.new(world().installation, replace(WRITTEN, **names), ANA)


def test_automation_and_known_groups_may_implement() -> None:
    made = world()
    with_policy(made, context={"groups": {"group:netops": ("cleo",)}})
    held = register.new(made.installation, replace(WRITTEN, implementers=("role/deploy", "group:netops", "ana")), ANA)
    assert held.record.implementers == ("role/deploy", "group:netops", "ana")
    register.request(made.installation, "CHG-1", ANA)
    register.approve(made.installation, "CHG-1", BEN, seen_hash=held.content_hash)
    assert register.start(made.installation, "CHG-1", CLEO).record.state is ChangeState.IMPLEMENTING


@pytest.mark.parametrize(
    ("scope", "why"), [((), "no scope"), ((target(ids=None, tags=None, attribute_paths=("/A",)),), "target 1 of CHG-1 names no resource")]
)
def test_a_scope_that_would_cover_nothing_is_not_requested(scope: Any, why: str) -> None:
    made = world()
    register.new(made.installation, replace(WRITTEN, scope=scope), ANA)
    with pytest.raises(RefusedError, match=why):
        register.request(made.installation, "CHG-1", ANA)


def test_a_test_that_is_still_to_come_is_no_evidence() -> None:
    future = TestRun(environment="dev", kind="unit", automated=True, result=TestResult.PASSED, finished_at=START + timedelta(seconds=1))
    with pytest.raises(RefusedError, match="still to come"):
        register.new(world().installation, replace(WRITTEN, tests=(future,)), ANA)


def test_roles_come_from_the_people_and_two_approvals_are_two_people() -> None:
    made = world()
    with_policy(made, approvals=ApprovalRequirement(min_count=2, role_groups=(("manager",),)))
    held = requested(made, implementers=("role/deploy",))
    first = register.approve(made.installation, "CHG-1", BEN, seen_hash=held.content_hash)
    assert (first.record.state, first.notes) == (ChangeState.REQUESTED, ("1 of 2 required approvals given",))
    again = register.approve(made.installation, "CHG-1", BEN, seen_hash=held.content_hash)
    assert again.record.state is ChangeState.REQUESTED, "the same person twice is one approver"
    assert all(item.role is None for item in again.record.approvals)
    assert register.approve(made.installation, "CHG-1", CLEO, seen_hash=held.content_hash).record.state is ChangeState.APPROVED


def test_an_approver_without_the_role_is_not_enough() -> None:
    made = world()
    with_policy(made, approvals=ApprovalRequirement(role_groups=(("cab",),)))
    held = approved(made)
    assert held.record.state is ChangeState.REQUESTED
    assert held.notes == ("no approver is cab",)


def test_where_the_policy_counts_signatures_an_os_user_does_not_approve() -> None:
    made = world(preset="scaleup")
    held = requested(made)
    local = replace(BEN, method=Method.OS_USER, assurance=Assurance.LOCAL)
    with pytest.raises(RefusedError, match="signed approvals only"):
        register.approve(made.installation, "CHG-1", local, seen_hash=held.content_hash)
    assert register.approve(made.installation, "CHG-1", BEN, seen_hash=held.content_hash).record.state is ChangeState.APPROVED


def test_a_freeze_is_lifted_by_its_own_role_only_and_that_is_no_approval() -> None:
    made = world()
    held = requested(made)
    lift = lambda who: register.approve(  # noqa: E731 - only here
        made.installation, "CHG-1", who, seen_hash=held.content_hash, kind=ApprovalKind.FREEZE_OVERRIDE
    )
    with pytest.raises(RefusedError, match="a role that a freeze of the policy names"):
        lift(BEN)
    freeze = Freeze(id="YE", start=START, end=START + timedelta(days=1), override_role="manager")
    with_policy(made, context={"freezes": (freeze,), "roles": {"ben": ("manager",)}})
    with pytest.raises(RefusedError, match="that takes manager"):
        lift(CLEO)
    assert lift(BEN).record.state is ChangeState.REQUESTED
    assert register.get(made.installation, "CHG-1").record.approvals[0].kind is ApprovalKind.FREEZE_OVERRIDE


def test_an_emergency_starts_before_its_approval_and_is_reviewed_after_it_is_closed() -> None:
    made = world()
    requested(made, type=ChangeType.EMERGENCY, incident_id="INC-1")
    register.start(made.installation, "CHG-1", ANA)
    held = register.close(made.installation, "CHG-1", ANA, ChangeOutcome.SUCCESSFUL)
    after = register.approve(made.installation, "CHG-1", BEN, seen_hash=held.content_hash).record
    assert (after.state, len(after.approvals)) == (ChangeState.CLOSED, 1)


def test_an_emergency_needs_one_approval_first_where_the_policy_says_so() -> None:
    made = world()
    with_policy(made, emergency=replace(made.installation.policy.emergency, prior_approval=PriorApproval.ONE))
    held = requested(made, type=ChangeType.EMERGENCY)
    with pytest.raises(RefusedError, match="one approval before an emergency"):
        register.start(made.installation, "CHG-1", ANA)
    register.approve(made.installation, "CHG-1", BEN, seen_hash=held.content_hash)
    assert register.start(made.installation, "CHG-1", ANA).record.state is ChangeState.IMPLEMENTING


def test_a_standard_change_starts_on_its_template_alone() -> None:
    made = world()
    template = Template(
        id="T-1",
        status=TemplateStatus.APPROVED,
        author="ben",
        approved_by="cleo",
        valid_from=START - timedelta(days=1),
        valid_until=START + timedelta(days=1),
        scope=(GROUP_ONE,),
    )
    with_policy(made, rules={"R17": Mode.ENFORCE}, context={"templates": (template,)})
    requested(made, type=ChangeType.STANDARD, template_id="T-1")
    made.now = template.valid_until
    with pytest.raises(RefusedError, match="not approved for now"):
        register.start(made.installation, "CHG-1", ANA)
    made.now = template.valid_until - timedelta(seconds=1)
    with_policy(made, rules={"R17": Mode.WARN})
    with pytest.raises(RefusedError, match="approved first"):
        register.start(made.installation, "CHG-1", ANA)
    with_policy(made, rules={"R17": Mode.ENFORCE})
    assert register.start(made.installation, "CHG-1", ANA).record.state is ChangeState.IMPLEMENTING


def test_a_standard_change_without_a_template_is_not_requested() -> None:
    made = world()
    register.new(made.installation, replace(WRITTEN, type=ChangeType.STANDARD), ANA)
    with pytest.raises(RefusedError, match="without a template"):
        register.request(made.installation, "CHG-1", ANA)


@pytest.mark.parametrize("step", ["request", "cancel", "start", "close"])
def test_only_those_who_take_part_move_a_record_on(step: str) -> None:
    made = world()
    register.new(made.installation, WRITTEN, ANA)
    way = {"request": (), "cancel": (), "start": ("request", "approve"), "close": ("request", "approve", "start")}[step]
    for earlier in way:
        STEPS[earlier](made)
    act: dict[str, Callable[[], Held]] = {
        "request": lambda: register.request(made.installation, "CHG-1", CLEO),
        "cancel": lambda: register.cancel(made.installation, "CHG-1", CLEO, "no"),
        "start": lambda: register.start(made.installation, "CHG-1", CLEO),
        "close": lambda: register.close(made.installation, "CHG-1", CLEO, ChangeOutcome.SUCCESSFUL),
    }
    with pytest.raises(RefusedError, match=r"cleo (is neither|does not)"):
        act[step]()


def test_a_rejection_is_by_somebody_else_and_final() -> None:
    made = world()
    requested(made)
    with pytest.raises(RefusedError, match="nobody decides on their own request"):
        register.reject(made.installation, "CHG-1", ANA, "no")
    record = register.reject(made.installation, "CHG-1", BEN, "too wide").record
    assert (record.state, record.rejected_at, record.approvals[0].decision) == (ChangeState.REJECTED, made.now, ApprovalDecision.REJECTED)
    assert entries(made)[-1][1]["reason"] == "too wide"


def test_a_review_is_by_a_peer_and_names_the_artifact() -> None:
    made = world()
    held = requested(made, artifact_ref="abc")
    with pytest.raises(RefusedError, match="nobody reviews their own work"):
        register.review(made.installation, "CHG-1", ANA, ReviewDecision.APPROVED, seen_hash=held.content_hash)
    with pytest.raises(RefusedError, match="content hash"):
        register.review(made.installation, "CHG-1", CLEO, ReviewDecision.APPROVED, seen_hash="1" * 12)
    record = register.review(made.installation, "CHG-1", CLEO, ReviewDecision.APPROVED, seen_hash=held.content_hash).record
    assert [(item.who, item.ref, item.at) for item in record.reviews] == [("cleo", "abc", made.now)]
    assert content_hash(record) == held.content_hash, "evidence that others add changes nothing of what was approved"


def test_without_a_register_source_no_record_is_made_that_nothing_would_read() -> None:
    with pytest.raises(InputError, match="kind: register"):
        register.new(World().installation, WRITTEN, ANA)


def test_records_of_other_sources_are_not_decided_here() -> None:
    made = world()
    made.source.records.append(replace(WRITTEN, id="T-1", source="tickets"))
    changes.sync(made.installation)
    with pytest.raises(NotFoundError, match="a record of the source tickets"):
        register.cancel(made.installation, "T-1", ANA, "no")
    with pytest.raises(NotFoundError, match="changes list"):
        register.get(made.installation, "nothing")


class Full:
    """A ledger that can take no entry."""

    def append(self, *_: object) -> None:
        raise StoreError("the disk is full")


def test_what_the_ledger_cannot_tell_does_not_happen() -> None:
    """The record and its entry are one transaction."""
    made = world()
    held = requested(made)
    store = made.store

    class Broken:
        local = True
        read = store.read

        def write(self, lease: Any = None) -> Any:
            from contextlib import contextmanager

            @contextmanager
            def opened() -> Any:
                with store.write(lease) as uow:
                    uow.ledger = Full()  # type: ignore[assignment]
                    yield uow

            return opened()

    made.change(store=Broken())
    with pytest.raises(StoreError, match="disk is full"):
        register.approve(made.installation, "CHG-1", BEN, seen_hash=held.content_hash)
    made.change(store=store)
    assert register.get(made.installation, "CHG-1").record.approvals == ()


def test_scans_judge_by_the_register() -> None:
    """An approved record of the register authorises; one that nobody approved does not."""
    made = settled_world(register="register")
    made.change(sources=[RegisterSource("register", made.store), made.source])
    windows = (Window(start=made.now, end=made.now + timedelta(hours=2)),)
    held = requested(made, windows=windows)
    made.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    made.scan()
    (finding,) = made.live()
    assert finding.verdict_current is Verdict.UNAUTHORIZED
    made.put(GROUPS, "one", Size=1, Rules=["a", "b"])
    made.scan()
    register.approve(made.installation, "CHG-1", BEN, seen_hash=held.content_hash)
    made.now += timedelta(hours=1)
    made.scan()
    made.put(GROUPS, "one", Size=2, Rules=["a", "b"])
    made.scan()
    known = [item for item in findings.listed(made.installation, tuple(FindingState)) if item.verdict_current is Verdict.AUTHORIZED]
    assert [item.resource for item in known] == ["one"]


def test_an_approval_of_what_a_record_said_before_authorises_nothing_that_it_says_now() -> None:
    """At every tier, also where R16 is off: scans see only the approvals of the content as it stands."""
    made = world()
    approved(made)
    source = RegisterSource("register", made.store)
    assert [item.who for item in source.fetch().records[0].approvals] == ["ben"]
    held = register.amend(made.installation, "CHG-1", lambda now: replace(now, scope=(target(ids=("*:*",)),)), ANA)
    assert source.fetch().records[0].approvals == ()
    made.now += timedelta(seconds=1)
    register.approve(made.installation, "CHG-1", BEN, seen_hash=held.content_hash)
    assert [item.who for item in source.fetch().records[0].approvals] == ["ben"]
    assert len(register.get(made.installation, "CHG-1").record.approvals) == 2
