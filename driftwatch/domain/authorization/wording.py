"""The sentences of the rules: what was found, what was required, and by how much it was missed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from driftwatch.domain.authorization import words
from driftwatch.domain.authorization.expectations import expects
from driftwatch.domain.authorization.matching import Candidate, away, covers_operation, needs_paths, operation_of
from driftwatch.domain.authorization.moment import Moment
from driftwatch.domain.authorization.policy import Policy
from driftwatch.domain.authorization.question import Question
from driftwatch.domain.authorization.windows import Opening
from driftwatch.domain.change import ChangeRecord, SourceStatus, Target
from driftwatch.domain.decision import RuleOutcome
from driftwatch.domain.drift import Drift, DriftKind

_NOUNS: Final = {DriftKind.CREATED: "creation", DriftKind.UPDATED: "update", DriftKind.DELETED: "deletion"}


def in_scope(question: Question) -> str:
    return f"The record covers {_act(question)}."


def out_of_scope(question: Question) -> str:
    reasons = sorted({_not_covered(target, question) for target in question.targets})
    return f"The record names this resource but does not cover {_act(question)}: {'; '.join(reasons)}."


def _act(question: Question) -> str:
    noun, path = _NOUNS[operation_of(question.drift)], question.change.path
    return f"the {noun} of {words.place(path)}"


def _not_covered(target: Target, question: Question) -> str:
    drift, policy = question.drift, question.policy
    if not covers_operation(target.operations, drift, policy):
        allowed = words.listed([operation.value for operation in target.operations or ()], "or")
        return f"it allows only that resources be {allowed}" if allowed else "this policy requires a record to name deletion expressly"
    if target.attribute_paths is None and needs_paths(drift, policy):
        return f"for {drift.resource_type} this policy requires a record to name the attribute paths, and it names none"
    return f"it covers only {words.listed(target.attribute_paths or ('no path',))}"


def partly_inside(question: Question, opening: Opening, *, accepted: bool) -> str:
    required = "which this policy accepts" if accepted else "and this policy requires it to lie wholly inside"
    return f"The change was made {question.moment}, {opening.position(question.moment)}, {required}."


def window(question: Question, opening: Opening, outcome: RuleOutcome) -> str:
    moment = question.moment
    said = f"The change was made {moment}, {opening.position(moment)}"
    if outcome is RuleOutcome.FAIL:
        return f"{said}; a clock difference of {words.duration(question.tolerance)} is allowed."
    exactly = opening.judge(moment, timedelta(0)) is RuleOutcome.PASS
    return f"{said}." if exactly else f"{said}, within the allowed clock difference of {words.duration(question.tolerance)}."


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
    return f"{said}; without the people who took part in the change, {approvals.missing(cutoff, doers)}."


def _part(who: str, question: Question) -> str:
    record, people = question.record, question.people
    parts = {
        "requested it": [record.requester],
        "wrote it": record.authors,
        "implements it": record.implementers,
        "made the change": question.instance.humans,
    }
    return words.listed([part for part, names in parts.items() if who in people.people(names)])


def as_expected(question: Question) -> str:
    said = any(expects(target, question.change) for target in question.covering or question.targets)
    return "The new value is one that the record allows." if said else "The record says nothing about the new value."


def mismatch(missed: Sequence[str]) -> str:
    return f"The new value is not what the record says: {words.listed(missed)}."


def refused(how: str, at: datetime | None) -> str:
    when = f" at {words.instant(at)}" if at else ""
    return f"The record was {how}{when}, and such a record allows no change, whenever it was made."


def over(question: Question, how: str, outcome: RuleOutcome) -> str:
    """For a record that was closed, or that its source no longer showed (`stale`), before or while the change was made."""
    record, moment = question.record, question.moment
    closed = how == "closed"
    ended = (record.closed_at if closed else record.stale_since) or moment.latest
    what = "The record was closed at" if closed else "The record's source has not shown it, or not legibly, since"
    said = f"{what} {words.instant(ended)}, and the change was made {moment}"
    if outcome is RuleOutcome.UNKNOWN:
        return f"{said}, so perhaps up to {words.duration(moment.latest - ended)} too late."
    late = words.duration((moment.latest if moment.earliest is None else moment.earliest) - ended)
    allowed = f" (a clock difference of {words.duration(question.tolerance)} is allowed)" if closed else ""
    return f"{said}, {'' if moment.exact else 'at least '}{late} later{allowed}."


def no_record(drift: Drift, path: str, moment: Moment, policy: Policy, nearest: Candidate | None, set_aside: Sequence[ChangeRecord]) -> str:
    """R1: what was looked for, the record that came nearest, and what would have covered the change."""
    said = f"No change record covers {words.place(path)} of {drift.resource_id}, changed {moment}"
    if set_aside:
        kinds = [f"{record.id} ({record.type.value})" for record in set_aside]
        return f"{said}: the only records that name the resource then are of a type that is not judged, {words.listed(kinds)}."
    if nearest is None:
        return f"{said}: none names the resource; a record that names it, approved before the change, would have covered it."
    horizon = words.duration(timedelta(hours=policy.candidate_horizon_h))
    apart = words.duration(away(nearest.record, moment))
    return f"{said}: the nearest that names the resource, {nearest.record.id}, is {apart} away, and {horizon} is the most that is allowed."


def source_stale(source: SourceStatus, moment: Moment) -> str:
    """Why an uncovered change is not called unauthorised yet."""
    if source.last_success_at is None:
        read = "has never been read"
    else:
        late = words.duration(moment.latest - source.last_success_at)
        read = f"was last read at {words.instant(source.last_success_at)}, {late} too early to know of it"
    return f"The change was made {moment}, but the change source {source.name} {read}: a record that covers it may be waiting there."
