"""The sentences of R4, R5 and R16: who approved, when, and who may not count."""

from __future__ import annotations

from datetime import datetime

from driftwatch.domain.authorization import words
from driftwatch.domain.authorization.question import Question
from driftwatch.domain.change import ChangeType
from driftwatch.domain.decision import RuleOutcome


def needs_no_approval(question: Question) -> str:
    if question.kind is ChangeType.STANDARD:
        return "A standard change is approved with its template."
    return "This policy lets an emergency change be approved in its review."


def approved(question: Question) -> str:
    """For approvals that sufficed when the change was made; measured from the earliest time at which it may have been made."""
    moment, approvals = question.moment, question.approvals
    change = moment.latest if moment.earliest is None else moment.earliest
    given = approvals.approvers(change + question.tolerance)
    if not given:
        return "This policy requires no approval."
    last = max(item.at for item in given.values())
    said = f"{words.listed([approvals.with_roles(who) for who in sorted(given)])} approved it by {words.instant(last)}"
    apart = words.duration(change - last)
    if last > change:
        return f"{said}, {apart} after the change, within the allowed clock difference of {words.duration(question.tolerance)}."
    return f"{said}, {'' if moment.exact else 'at least '}{apart} before the change."


def not_approved(question: Question) -> tuple[str, str]:
    """The sentence, and its word: rejected_by, unapproved or retroactive."""
    moment, approvals = question.moment, question.approvals
    if question.kind is ChangeType.EMERGENCY:
        return f"The emergency change was made {moment}, and by then nobody's approval of it was in force.", "unapproved"
    cutoff = moment.latest + question.tolerance
    said = f"The change was made {moment}"
    if rejecters := approvals.rejecters(cutoff):
        return f"{said}, and by then {words.listed(rejecters)} had rejected it.", "rejected_by"
    later = approvals.first_satisfied(after=cutoff)
    if later is None:
        return f"{said}, and the approvals did not suffice by then: {approvals.missing(cutoff)}.", "unapproved"
    late = words.duration(later - moment.latest)
    return (
        f"{said}; its approval was complete only at {words.instant(later)}, {'' if moment.exact else 'at least '}{late} later.",
        "retroactive",
    )


def backdated(question: Question, seen: datetime) -> str:
    apart = words.duration(seen - question.moment.latest)
    return (
        f"The change was made {question.moment}; {apart} later, at {words.instant(seen)}, driftwatch read the record and found it not "
        "approved, so an approval dated before the change was entered after it or did not last."
    )


def perhaps_approved(question: Question) -> str:
    """For an interval at whose two ends the approvals say different things."""
    moment, approvals = question.moment, question.approvals
    said = f"The change was made {moment}"
    if question.kind is ChangeType.EMERGENCY:
        return f"{said}; somebody's approval was in force in a part of that time only, so nothing proves that it came first."
    if not approvals.satisfied(moment.latest + question.tolerance):
        return f"{said}; its approval was taken back within that time, so nothing proves that it was approved when the change was made."
    given = approvals.first_satisfied(after=moment.earliest + question.tolerance if moment.earliest else None)
    complete = f"{said}; its approval was complete at {words.instant(given or moment.latest)}"
    if given is None or moment.earliest is None:
        return f"{complete}, and nothing proves that the approval came first."
    return f"{complete}, so the change may have been made up to {words.duration(given - moment.earliest)} before it."


def approved_by_others(question: Question) -> str:
    moment, approvals = question.moment, question.approvals
    outsiders = sorted(approvals.approvers(moment.latest + question.tolerance, question.doers))
    named = words.listed([approvals.with_roles(who) for who in outsiders])
    return f"{named} approved it and took no other part in the change." if named else "This policy requires no approval."


def self_approved(question: Question, outcome: RuleOutcome) -> str:
    approvals, doers = question.approvals, question.doers
    cutoff = question.moment.latest + question.tolerance
    insiders = [f"{who}, who {_part(who, question)}" for who in sorted(approvals.approvers(cutoff)) if who in doers]
    said = f"It was approved by {words.listed(insiders)}" if insiders else "The people who took part in the change approved it"
    if outcome is RuleOutcome.UNKNOWN:
        return f"{said}; without them the approvals sufficed only for a part of the time in which the change may have been made."
    missing = "nobody approved it" if question.kind is ChangeType.EMERGENCY else approvals.missing(cutoff, doers)
    return f"{said}; without the people who took part in the change, {missing}."


def _part(who: str, question: Question) -> str:
    record, people = question.record, question.people
    parts = {
        "requested it": [record.requester],
        "wrote it": record.authors,
        "implements it": record.implementers,
        "made the change": question.instance.humans,
    }
    return words.listed([part for part, names in parts.items() if who in people.people(names)])


def approved_as_it_stands(edited: datetime) -> str:
    return f"The record was last changed in substance at {words.instant(edited)}, and approved as it stands since."


def edited(question: Question, edited: datetime, outcome: RuleOutcome) -> str:
    """For a record that was changed in substance after, or perhaps after, the approvals that were in force when the change was made."""
    moment = question.moment
    said = f"The record was changed in substance at {words.instant(edited)}, and the change was made {moment}"
    if outcome is RuleOutcome.UNKNOWN:
        return f"{said}; whether what stood there then had been approved again before the change cannot be told."
    if edited > moment.latest:
        return f"{said}, so the record was rewritten {words.duration(edited - moment.latest)} after the change."
    missing = question.approvals.since(edited).missing(moment.latest + question.tolerance)
    return f"{said}; of the approvals given to it as it stood, {missing}."
