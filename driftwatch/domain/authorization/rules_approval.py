"""Who approved the change, and when: R4, R5 and R16."""

from __future__ import annotations

from collections.abc import Callable, Collection

from driftwatch.domain.authorization import wording_approval as wording
from driftwatch.domain.authorization.approvals import Approvals
from driftwatch.domain.authorization.moment import Cutoff
from driftwatch.domain.authorization.question import FAIL, NOT_APPLICABLE, PASS, UNKNOWN, Answer, Question
from driftwatch.domain.change import ChangeType


def not_approved_at_time(question: Question) -> Answer:
    """R4 fails when the approvals in force when the change was made do not suffice, or are shown to be back-dated.

    An emergency change needs the approval of anyone, and only where the policy asks for one before it. Back-dated: driftwatch itself
    read the record at or after the change and found it not approved. The record's state is not consulted.
    """
    if not question.needs_approval:
        return Answer(NOT_APPLICABLE, wording.needs_no_approval(question))
    outcome = question.says(_sufficient(question))
    if outcome is FAIL:
        return Answer(FAIL, *wording.not_approved(question))
    moment = question.moment
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
    if not question.needs_approval:
        return Answer(NOT_APPLICABLE, wording.needs_no_approval(question))
    if not_approved_at_time(question).outcome is not PASS:
        return Answer(NOT_APPLICABLE, "It is not proven that the record was approved at the time, so nobody's part in it is weighed.")
    outcome = question.says(_sufficient(question, question.doers))
    if outcome is PASS:
        return Answer(PASS, wording.approved_by_others(question))
    return Answer(outcome, wording.self_approved(question, outcome), "self_approval")


def edited_after_approval(question: Question) -> Answer:
    """R16 fails when the record was changed in substance, and the approvals given at or after that do not suffice at the time.

    So an edit after the change fails, too. It applies only where R4's outcome is a pass.
    """
    edited = question.record.material_changed_at
    if not_approved_at_time(question).outcome is not PASS:
        return Answer(NOT_APPLICABLE, "It is not proven that the record was approved at the time, so later edits are not weighed.")
    if edited is None:
        return Answer(PASS, "The record was not changed in substance after it was written.")
    outcome = question.says(question.approvals.since(edited).satisfied)
    if outcome is PASS:
        return Answer(PASS, wording.approved_as_it_stands(edited))
    return Answer(outcome, wording.edited(question, edited, outcome), "edited")


def _sufficient(question: Question, outside: Collection[str] = ()) -> Callable[[Cutoff], bool]:
    """Sat, or for an emergency change: anyone's approval."""
    approvals = question.approvals
    enough = Approvals.anybody if question.kind is ChangeType.EMERGENCY else Approvals.satisfied
    return lambda cutoff: enough(approvals, cutoff, outside)
