"""When the change was made: inside a window (R3), while the record was in force (R11), outside a freeze (R12)."""

from __future__ import annotations

from driftwatch.domain.authorization import wording_time as wording
from driftwatch.domain.authorization.matching import touches
from driftwatch.domain.authorization.moment import Cutoff, Moment
from driftwatch.domain.authorization.policy import Freeze, WindowMode
from driftwatch.domain.authorization.question import FAIL, NOT_APPLICABLE, PASS, UNKNOWN, Answer, Question
from driftwatch.domain.authorization.windows import closest, openings_of
from driftwatch.domain.change import ChangeOutcome, ChangeState
from driftwatch.domain.decision import RuleOutcome


def outside_window(question: Question) -> Answer:
    """R3 fails when the change was made outside every window of the record, each widened by the clock tolerance on both sides.

    What opens a window where the record has none is told in `windows`. An interval that lies only partly in a window passes where the
    policy's window mode is `overlap`, and is unknown where it is `contain`.
    """
    openings = openings_of(question)
    if openings is None:
        return Answer(NOT_APPLICABLE, wording.no_window(question))
    if not openings:
        return Answer(FAIL, wording.no_derived_window(), "no_window")
    best = closest(openings, question.moment, question.tolerance)
    outcome = best.judge(question.moment, question.tolerance)
    if outcome is UNKNOWN:
        accepted = question.policy.window_mode is WindowMode.OVERLAP
        return Answer(PASS if accepted else UNKNOWN, wording.partly_inside(question, best, accepted=accepted), "partly_inside")
    return Answer(outcome, wording.window(question, best, outcome), "" if outcome is PASS else "outside_window")


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
        return Answer(FAIL, wording.backed_out(), "backed_out_but_present")
    closed = moment.by(record.closed_at + question.tolerance) if record.closed_at else PASS
    shown = moment.by(record.stale_since) if record.stale_since else PASS
    if (closed, shown) != (PASS, PASS):
        over, detail = (closed, "closed") if shown is PASS or closed is FAIL else (shown, "stale")
        return Answer(over, wording.over(question, detail, over), detail)
    if record.state is ChangeState.CLOSED and record.closed_at is None:
        return Answer(UNKNOWN, f"The record is closed but does not say since when; the change was made {moment}.", "closed")
    return Answer(PASS, "The record was neither cancelled, rejected, backed out nor over when the change was made.")


def change_freeze(question: Question) -> Answer:
    """R12 fails when the change was made during a freeze of the resource, and nobody in the freeze's role had allowed it by then.

    A freeze lasts from its start up to before its end, and no clock tolerance softens it. Whoever allows it must have had no part in
    the change. An interval that only overlaps a freeze is unknown.
    """
    concerned = [freeze for freeze in question.policy.context.freezes if _concerns(freeze, question)]
    frozen = [(freeze, outcome) for freeze in concerned if (outcome := _frozen(freeze, question)) is not PASS]
    if not frozen:
        return Answer(PASS, "No freeze of this resource held when the change was made, or somebody in its role had allowed it.")
    freeze, outcome = min(frozen, key=lambda item: (item[1] is not FAIL, item[0].start, item[0].id))
    return Answer(outcome, wording.frozen(question, freeze, outcome), "frozen")


def _concerns(freeze: Freeze, question: Question) -> bool:
    in_scope = not freeze.scope or any(touches(target, question.drift, question.change.path) for target in freeze.scope)
    return in_scope and question.kind not in freeze.exempt_types


def _frozen(freeze: Freeze, question: Question) -> RuleOutcome:
    """Pass: made outside the freeze, or allowed before; fail: made inside it; unknown: perhaps."""
    moment = question.moment
    within = _within(freeze, moment)
    if within is PASS:
        return PASS
    allowed = {_allowed(freeze, question, moment.earliest), _allowed(freeze, question, moment.latest)}
    if allowed == {True}:
        return PASS
    return within if allowed == {False} else UNKNOWN


def _within(freeze: Freeze, moment: Moment) -> RuleOutcome:
    if moment.latest < freeze.start or (moment.earliest is not None and moment.earliest >= freeze.end):
        return PASS
    inside = moment.earliest is not None and moment.earliest >= freeze.start and moment.latest < freeze.end
    return FAIL if inside else UNKNOWN


def _allowed(freeze: Freeze, question: Question, cutoff: Cutoff) -> bool:
    return question.approvals.overridden(freeze.override_role, cutoff, question.doers)
