"""What a person may do now with a record of the register. The register's own rules are asked, and a refusal of theirs is the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

from driftwatch.domain.authorization.identity import Identities
from driftwatch.domain.authorization.register_rules import RegisterRules
from driftwatch.domain.baseline import Actor
from driftwatch.domain.change import (
    Approval,
    ApprovalDecision,
    ApprovalKind,
    ChangeOutcome,
    ChangeRecord,
    ChangeState,
    ChangeType,
    ReviewDecision,
)
from driftwatch.errors import RefusedError
from driftwatch.operations.installation import Installation


class Choice(StrEnum):
    """An act on a record; amending it is offered where there is something to write with."""

    REQUEST = "request"
    APPROVE = "approve"
    OVERRIDE = "override"
    """Approving it during a freeze."""
    REJECT = "reject"
    REVIEW = "review"
    START = "start"
    CLOSE = "close"
    CANCEL = "cancel"
    AMEND = "amend"


def choices(installation: Installation, record: ChangeRecord, actor: Actor) -> Mapping[Choice, str | None]:
    """For each act why it is refused now to this person; None where it is not."""
    policy = installation.policy
    rules = RegisterRules(policy=policy, people=Identities(policy.context), now=installation.clock())
    who = actor.person
    acts: dict[Choice, Callable[[], object]] = {
        Choice.REQUEST: lambda: rules.request(record, who),
        Choice.APPROVE: lambda: _approve(rules, record, actor),
        Choice.OVERRIDE: lambda: rules.approve(record, actor, ApprovalKind.FREEZE_OVERRIDE),
        Choice.REJECT: lambda: rules.reject(record, who),
        Choice.REVIEW: lambda: rules.review(record, who, ReviewDecision.APPROVED),
        Choice.START: lambda: rules.start(record, who),
        Choice.CLOSE: lambda: rules.close(record, who, ChangeOutcome.SUCCESSFUL),
        Choice.CANCEL: lambda: rules.cancel(record, who),
        Choice.AMEND: lambda: rules.may_amend(record, who),
    }
    return {choice: _refusal(act) for choice, act in acts.items()}


def _approve(rules: RegisterRules, record: ChangeRecord, actor: Actor) -> None:
    """Raises RefusedError also for an approval that would add nothing."""
    rules.approve(record, actor)
    late = record.type is ChangeType.EMERGENCY and record.state in (ChangeState.IMPLEMENTING, ChangeState.CLOSED)
    if not (record.state is ChangeState.REQUESTED or late) or not rules.missing(record):
        raise RefusedError(f"{record.id} has the approvals that it needs")
    me = rules.people.resolve(actor.person)
    since = record.material_changed_at or record.created_at
    if me in {rules.people.resolve(item.who) for item in record.approvals if _counts(item) and item.at >= since}:
        raise RefusedError(f"{actor.person} approved {record.id} already: it takes somebody else now")


def _counts(item: Approval) -> bool:
    return item.decision is ApprovalDecision.APPROVED and item.kind is ApprovalKind.CHANGE


def _refusal(act: Callable[[], object]) -> str | None:
    try:
        act()
    except RefusedError as refusal:
        return str(refusal)
    return None
