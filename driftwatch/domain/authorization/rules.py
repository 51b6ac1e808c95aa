"""The rules of the authorisation specification, section 6: what a single change record must satisfy to have allowed a change.

A rule is a function from a Question to an Answer: pass, fail, unknown (it cannot be told) or n/a. It does not know its mode; what an
answer counts for is decided in `decide`. A new rule is one function here and one line in RULES; its sentences are in `wording`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from driftwatch.domain.authorization import wording
from driftwatch.domain.authorization.expectations import unmet
from driftwatch.domain.authorization.policy import WindowMode
from driftwatch.domain.authorization.question import Answer, Question
from driftwatch.domain.authorization.windows import closest, openings_of
from driftwatch.domain.change import ChangeOutcome, ChangeState
from driftwatch.domain.decision import RuleOutcome
from driftwatch.domain.drift import DriftKind

PASS, FAIL, UNKNOWN, NOT_APPLICABLE = RuleOutcome.PASS, RuleOutcome.FAIL, RuleOutcome.UNKNOWN, RuleOutcome.NOT_APPLICABLE


def out_of_scope(question: Question) -> Answer:
    """R2 fails when no target that names the resource covers the operation and the path."""
    if question.covering:
        return Answer(PASS, wording.in_scope(question))
    return Answer(FAIL, wording.out_of_scope(question), "out_of_scope")


def outside_window(question: Question) -> Answer:
    """R3 fails when the change was made outside every window of the record, each widened by the clock tolerance on both sides.

    A record without a window has the one that its approval opens, where the policy derives one. An interval that lies only partly in
    a window passes where the policy's window mode is `overlap`, and is unknown where it is `contain`.
    """
    openings = openings_of(question)
    if openings is None:
        return Answer(NOT_APPLICABLE, "The record has no window, and its approvals never sufficed to open one.")
    if not openings:
        return Answer(FAIL, "The record has no window, and this policy derives none from its approval.", "no_window")
    best = closest(openings, question.moment, question.tolerance)
    outcome = best.judge(question.moment, question.tolerance)
    if outcome is UNKNOWN:
        accepted = question.policy.window_mode is WindowMode.OVERLAP
        return Answer(PASS if accepted else UNKNOWN, wording.partly_inside(question, best, accepted=accepted), "partly_inside")
    return Answer(outcome, wording.window(question, best, outcome), "" if outcome is PASS else "outside_window")


def not_approved_at_time(question: Question) -> Answer:
    """R4 fails when the approvals in force when the change was made do not suffice, or are shown to be back-dated.

    Back-dated: driftwatch itself read the record at or after the change and found it not approved. The record's state is not consulted.
    """
    approvals, moment = question.approvals, question.moment
    outcome = question.says(approvals.satisfied)
    if outcome is FAIL:
        return Answer(FAIL, *wording.not_approved(question))
    denied = [item.at for item in question.record.observations if not item.approved and moment.latest <= item.at <= question.now]
    if denied:
        return Answer(FAIL, wording.backdated(question, min(denied)), "backdated")
    if outcome is UNKNOWN:
        return Answer(UNKNOWN, wording.perhaps_approved(question), "undated")
    return Answer(PASS, wording.approved(question))


def self_approved(question: Question) -> Answer:
    """R5 fails when the approvals do not suffice without those of the people who took part in the change.

    It applies only where R4's outcome is a pass: an unknown that the policy accepts is none.
    """
    if not_approved_at_time(question).outcome is not PASS:
        return Answer(NOT_APPLICABLE, "It is not proven that the record was approved at the time, so nobody's part in it is weighed.")
    outcome = question.says(question.approvals.outside(question.doers))
    if outcome is PASS:
        return Answer(PASS, wording.approved_by_others(question))
    return Answer(outcome, wording.self_approved(question, outcome), "self_approval")


def value_mismatch(question: Question) -> Answer:
    """R9 fails when no covering target has all its expectations, at or below the path, met by the value that is there now."""
    if question.drift.kind is DriftKind.TRANSIENT or not question.instance.last:
        return Answer(NOT_APPLICABLE, "What this change wrote is no longer there to be compared.")
    missed = [unmet(target, question.change, question.drift) for target in question.covering or question.targets]
    if not all(missed):
        return Answer(PASS, wording.as_expected(question))
    return Answer(FAIL, wording.mismatch(min(missed, key=len)), "value")


def record_state(question: Question) -> Answer:
    """R11 fails when the record was cancelled or rejected (whenever), was backed out, or was closed or gone before the change.

    A record that its source no longer shows allows nothing later than `stale_since`, and no clock tolerance is added to that.
    """
    record, moment = question.record, question.moment
    if record.state is ChangeState.CANCELLED or record.cancelled_at:
        return Answer(FAIL, wording.refused("cancelled", record.cancelled_at), "cancelled")
    if record.state is ChangeState.REJECTED or record.rejected_at:
        return Answer(FAIL, wording.refused("rejected", record.rejected_at), "rejected")
    if record.outcome is ChangeOutcome.BACKED_OUT:
        return Answer(FAIL, "The record says that its change was backed out, but the change is there.", "backed_out_but_present")
    closed = moment.by(record.closed_at + question.tolerance) if record.closed_at else PASS
    shown = moment.by(record.stale_since) if record.stale_since else PASS
    if (closed, shown) != (PASS, PASS):
        over, detail = (closed, "closed") if shown is PASS or closed is FAIL else (shown, "stale")
        return Answer(over, wording.over(question, detail, over), detail)
    if record.state is ChangeState.CLOSED and record.closed_at is None:
        return Answer(UNKNOWN, f"The record is closed but does not say since when; the change was made {moment}.", "closed")
    return Answer(PASS, "The record was neither cancelled, rejected, backed out nor over when the change was made.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule that judges one record: its id, its name, and the function that answers."""

    id: str
    name: str
    judge: Callable[[Question], Answer]


SCOPE: Final = Rule(id="R2", name="OUT_OF_SCOPE", judge=out_of_scope)
"""The gate: where it is enforced and fails, no other rule is asked about the record."""

RULES: Final = (
    Rule(id="R3", name="OUTSIDE_WINDOW", judge=outside_window),
    Rule(id="R4", name="NOT_APPROVED_AT_TIME", judge=not_approved_at_time),
    Rule(id="R5", name="SOD_APPROVER", judge=self_approved),
    Rule(id="R9", name="VALUE_MISMATCH", judge=value_mismatch),
    Rule(id="R11", name="RECORD_STATE", judge=record_state),
)

RULE_NAMES: Final = {"R1": "NO_RECORD", **{rule.id: rule.name for rule in (SCOPE, *RULES)}, "R13": "BASELINE_SOD"}
"""Every rule that exists, by id."""
