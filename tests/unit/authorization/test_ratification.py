"""What a retroactive record has to show: it covers every uncovered path and its value, and people outside the change approved it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from driftwatch.domain.activity import ActorKind
from driftwatch.domain.authorization import ratification
from driftwatch.domain.authorization.policy import ApprovalRequirement
from driftwatch.domain.change import ApprovalDecision, ChangeOutcome, ChangeState, Expectation, Risk
from driftwatch.domain.decision import Decision, PathDecision, Verdict
from driftwatch.domain.drift import DriftKind, Op
from driftwatch.errors import RefusedError
from tests.builders import CIDR, approval, at, difference, drift, event, policy, record, target

NOW = at("03-12 09:00")
LATE = approval("mia", "03-11 15:00")
"""After the change: it never authorises, it may ratify."""


def decision(*paths: tuple[str, Verdict]) -> Decision:
    made = tuple(PathDecision(path=path, verdict=verdict) for path, verdict in paths or ((CIDR, Verdict.UNAUTHORIZED),))
    return Decision(drift_id="D-1", verdict=made[0].verdict, paths=made, policy_version="p", inputs_hash="h", decided_at=NOW)


def check(change: Any = None, *, by: str = "sam", drift_: Any = None, policy_: Any = None, events: tuple = (), decided: Any = None) -> None:
    ratification.check(
        drift_ or drift(),
        decided or decision(),
        change or record(approvals=(LATE,)),
        by=by,
        policy=policy_ or policy("scaleup"),
        events=events,
        now=NOW,
    )


def test_a_record_that_was_approved_afterwards_by_an_outsider_with_a_required_role_may_ratify() -> None:
    check()


@pytest.mark.parametrize("by", ["alice", "bob", "bob@corp.example", "erin"])
def test_nobody_ratifies_a_change_that_they_took_part_in_under_any_of_their_names(by: str) -> None:
    with pytest.raises(RefusedError, match="nobody ratifies their own change"):
        check(record(approvals=(LATE,), authors=("erin",)), by=by)


def test_who_made_the_change_by_the_log_is_a_doer_too() -> None:
    acted = event(actor="sam", actor_kind=ActorKind.HUMAN)
    with pytest.raises(RefusedError, match="sam took part"):
        check(events=(acted,))
    with pytest.raises(RefusedError, match="nobody outside those who took part approved it"):
        check(events=(event(actor="mia"),))


@pytest.mark.parametrize(
    ("approvals", "why"),
    [
        ((), "nobody outside"),
        ((approval("alice", "03-11 15:00"),), "nobody outside"),
        ((approval("mia", "03-12 09:00:01"),), "nobody outside"),
        ((approval("group:netops", "03-11 15:00"),), "nobody outside"),
        ((approval("sam", "03-11 15:00"),), "none of its approvers.*is cab, change_manager or manager"),
        ((LATE, approval("sam", "03-11 16:00", ApprovalDecision.REJECTED)), "sam rejected it"),
        ((LATE, approval("mia", "03-11 16:00", ApprovalDecision.WITHDRAWN)), "nobody outside"),
    ],
)
def test_it_needs_an_approval_in_force_by_an_outsider_who_holds_a_required_role(approvals: tuple, why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        check(record(approvals=approvals), by="eve")


def test_where_no_role_is_required_any_outsider_will_do_and_high_risk_may_ask_for_others() -> None:
    anybody = record(approvals=(approval("sam", "03-11 15:00"),))
    check(anybody, policy_=policy("startup"), by="eve")
    strict = policy("startup", approvals=ApprovalRequirement(high_risk_role_groups=(("cab",),)))
    check(anybody, policy_=strict, by="eve")
    with pytest.raises(RefusedError, match="is cab"):
        check(replace(anybody, risk=Risk.HIGH), policy_=strict, by="eve")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"scope": (target(ids=("arn:aws:ec2:eu-west-1:111111111111:security-group/sg-other",)),)}, "R2.*names the resource"),
        ({"scope": (target(attribute_paths=("/Description",)),)}, "R2.*covers the operation"),
        ({"scope": (target(operations=(DriftKind.CREATED,)),)}, "R2.*covers the operation"),
        ({"scope": (target(expected=(Expectation(path=CIDR, equals="10.9.0.0/16", equals_given=True),)),)}, "R9.*10.9.0.0/16"),
        ({"state": ChangeState.CANCELLED}, "it is cancelled"),
        ({"state": ChangeState.REJECTED}, "it is rejected"),
        ({"outcome": ChangeOutcome.BACKED_OUT}, "backed out"),
        ({"stale_since": at("03-11 00:00")}, "no longer shows it"),
    ],
)
def test_it_covers_the_path_and_the_value_and_stands(fields: dict, why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        check(record(approvals=(LATE,), **fields))


def test_one_target_that_meets_the_value_suffices() -> None:
    wrong = target(expected=(Expectation(path=CIDR, equals="10.9.0.0/16", equals_given=True),))
    check(record(approvals=(LATE,), scope=(wrong, target())))


def test_every_uncovered_path_has_to_be_covered_and_only_those() -> None:
    two = drift(difference(), difference("/Description", before="web", after="x"))
    partly = decision((CIDR, Verdict.UNAUTHORIZED), ("/Description", Verdict.AUTHORIZED))
    check(drift_=two, decided=partly)
    with pytest.raises(RefusedError, match=r"R2: /Description"):
        check(drift_=two, decided=decision((CIDR, Verdict.UNAUTHORIZED), ("/Description", Verdict.INDETERMINATE)))


def test_a_deletion_needs_to_be_meant_and_what_is_covered_needs_nothing() -> None:
    gone = drift(difference("", op=Op.REMOVE, after=None), kind=DriftKind.DELETED)
    whole = record(approvals=(LATE,), scope=(target(attribute_paths=None),))
    with pytest.raises(RefusedError, match="R2"):
        check(whole, drift_=gone, decided=decision(("", Verdict.UNAUTHORIZED)))
    with pytest.raises(RefusedError, match="nothing to ratify"):
        check(decided=decision((CIDR, Verdict.AUTHORIZED)))


def test_everything_that_is_missing_is_said_at_once() -> None:
    with pytest.raises(RefusedError) as refused:
        check(record(approvals=(), state=ChangeState.CANCELLED, scope=()), by="bob")
    for part in ("R2", "cancelled", "approved it", "nobody ratifies"):
        assert part in str(refused.value)
