"""The transitions of a finding (authorisation specification, section 9.1). Each returns a new finding or raises RefusedError.

A closed finding stays in its state; the same resource off its baseline again is a new finding. What a person has to have shown before
a finding is ratified or excepted stands in `ratification.py` and `exception_lifecycle.py`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from driftwatch.domain.authorization.passages import MOVES_BY_ITSELF, PASSAGES, Step
from driftwatch.domain.baseline import Disposition
from driftwatch.domain.decision import AWAITING, UNCOVERED, Decision, Verdict
from driftwatch.domain.drift import Difference, Drift, DriftKind, Interval
from driftwatch.domain.finding import LIVE, Finding, FindingState, Handling
from driftwatch.domain.resource import Cell
from driftwatch.errors import RefusedError

FLAPPING_MORE_THAN: Final = 3
FLAPPING_WITHIN: Final = timedelta(hours=24)
"""More transitions than so many within so long make a finding `flapping`."""
ACKNOWLEDGE: Final = "acknowledge"
REVIEW_CLOCKS: Final = frozenset({"review_75", "review_100"})

_NEEDS_NO_DISPOSITION: Final = AWAITING | {Verdict.NOT_CONTROLLED}


def state_for(verdict: Verdict) -> FindingState:
    """The state that a finding with this verdict is in when nobody has dealt with it."""
    if verdict in AWAITING:
        return FindingState.AWAITING_BASELINE
    by_verdict = {
        Verdict.EXCEPTED: FindingState.EXCEPTED,
        Verdict.EMERGENCY_PENDING_REVIEW: FindingState.PENDING_REVIEW,
        Verdict.NOT_CONTROLLED: FindingState.INFORMATIONAL,
    }
    return by_verdict.get(verdict, FindingState.OPEN)


def detect(
    *,
    id: str,  # noqa: A002 - the glossary's word
    baseline: str,
    cell: Cell,
    drift: Drift,
    before_fingerprint: str | None,
    after_fingerprint: str | None,
    decision: Decision,
    now: datetime,
    previous: Finding | None = None,
    history: tuple[datetime, ...] = (),
    excepted_by: str | None = None,
) -> Finding:
    """A new finding, at once in the state of its verdict; the successor of `previous` where the value of a live finding changed.

    `history` are the transitions of the resource's last, closed finding: coming back is a transition, too. Refused: a decision about
    another drift, and a successor whose drift is the same version as before.
    """
    if decision.drift_id != drift.id:
        raise RefusedError(f"the decision is about the drift {decision.drift_id}, not about {drift.id}")
    if previous and previous.drift_version == drift.version:
        raise RefusedError(f"the finding {previous.id} has this drift already: the same version seen again makes no new finding")
    state, handling = _handled(state_for(decision.verdict), previous, drift)
    return Finding(
        id=id,
        baseline=baseline,
        cell=cell,
        resource_id=drift.resource_id,
        resource=drift.resource,
        state=state,
        drift=drift,
        drift_version=drift.version,
        before_fingerprint=before_fingerprint,
        after_fingerprint=after_fingerprint,
        verdict_initial=decision.verdict if decision.settled else None,
        verdict_current=decision.verdict,
        settled=decision.settled,
        policy_version=decision.policy_version,
        first_seen=now,
        last_seen=now,
        handling=_resting_on(_following(handling, previous, history, now), decision, state, now, excepted_by),
        due_at=decision.due_at,
        previous_id=previous.id if previous else None,
    )


def carry_intervals(previous: Drift, drift: Drift) -> Drift:
    """The new version of a drift, in which every difference that was there before keeps the time at which it came about.

    To be done before the new version is judged: what was changed under a record last week is not to be dated to this scan.
    """
    known = {change.identity: change.interval or previous.interval for change in previous.changes}
    return replace(drift, changes=tuple(_dated(change, known.get(change.identity)) for change in drift.changes))


def unchanged(previous: Drift, drift: Drift) -> bool:
    """Whether every difference was there before, with the same values: only then does what people decided carry over."""
    known = {change.identity for change in previous.changes}
    return all(change.identity in known for change in drift.changes)


def take(finding: Finding, step: Step, now: datetime) -> Finding:
    """One step of the table: its state and its verdict. Refused from any other state; a closed finding takes none."""
    passage = PASSAGES[step]
    if finding.state not in LIVE:
        raise RefusedError(f"the finding {finding.id} is {finding.state.value} already: a closed finding is not changed")
    if finding.state not in passage.leaves:
        states = " or ".join(sorted(state.value for state in passage.leaves))
        raise RefusedError(f"{step.value}: the finding {finding.id} is {finding.state.value}; this can be done while it is {states}")
    verdict = passage.verdict or finding.verdict_current
    closed_at = None if passage.enters in LIVE else now
    return replace(_entering(finding, passage.enters, now), verdict_current=verdict, closed_at=closed_at)


def ack(finding: Finding, by: str, now: datetime, ticket: str | None = None) -> Finding:
    """Somebody has seen it and deals with it. Refused unless it is open; a second time, too."""
    taken = take(finding, Step.ACK, now)
    return replace(taken, handling=replace(taken.handling, acknowledged_by=by, acknowledged_at=now, ticket=ticket))


def ratify(finding: Finding, record: str, by: str, now: datetime) -> Finding:
    """Agreed to afterwards by a retroactive record. The verdict stays: it is a deviation with a disposition."""
    taken = take(finding, Step.RATIFY, now)
    disposed = replace(taken.handling, record=record, disposition=Disposition(kind="ratified", by=by), disposed_at=now)
    return replace(taken, handling=disposed)


def exception_granted(finding: Finding, exception: str, by: str, now: datetime) -> Finding:
    """A valid exception excuses the state for a while; `by` approved it. The verdict on the act, `verdict_initial`, stays."""
    taken = take(finding, Step.EXCEPTION_GRANTED, now)
    disposed = replace(taken.handling, exception=exception, disposition=Disposition(kind="excepted", by=by), disposed_at=now)
    return replace(taken, handling=disposed)


def exception_expired(finding: Finding, now: datetime) -> Finding:
    """The exception ran out: open again, without a disposition, and to be told of anew."""
    taken = take(finding, Step.EXCEPTION_EXPIRED, now)
    return replace(taken, handling=replace(taken.handling, exception=None, disposition=None, disposed_at=None))


def supersede(finding: Finding, now: datetime) -> Finding:
    """value_changed: its successor stands for the resource from now on. Refused for a closed finding."""
    return take(finding, Step.VALUE_CHANGED, now)


def snapshot_clean(finding: Finding, now: datetime) -> Finding:
    """The value equals the baseline again: reverted. That needs no record; the verdict on the act stays. Refused for a closed finding."""
    return take(finding, Step.SNAPSHOT_CLEAN, now)


def outlasts_clean(finding: Finding) -> bool:
    """Whether the finding stays although its resource equals the baseline: what only the log saw is never seen off it, so that nothing but
    a person, or a record that covers it, ends it."""
    return finding.drift.kind is DriftKind.TRANSIENT and finding.state in (FindingState.OPEN, FindingState.PENDING_REVIEW)


def baseline_activated(
    finding: Finding, now: datetime, *, disposition: Disposition | None = None, actors: frozenset[str] = frozenset()
) -> Finding:
    """A baseline that holds the value became active: baselined. Refused when closed, and for an uncovered drift without a disposition.

    The disposition is the one given, or the ratification or exception that it has. Only the word of somebody who is not among `actors`
    counts, the people who made the change.
    """
    known = disposition or finding.handling.disposition
    if finding.verdict_current in _NEEDS_NO_DISPOSITION:
        return take(finding, Step.BASELINE_ACTIVATED, now)
    if known is None:
        raise RefusedError(
            f"R13: the finding {finding.id} on {finding.resource_id} is {finding.verdict_current.value}; it enters a baseline only with a "
            "disposition by somebody who did not make the change"
        )
    if known.by in actors:
        raise RefusedError(f"R13: {known.by}, who disposed of the finding {finding.id} ({known.kind}), is the one who made the change")
    taken = take(finding, Step.BASELINE_ACTIVATED, now)
    disposed_at = taken.handling.disposed_at if known == taken.handling.disposition else now
    return replace(taken, handling=replace(taken.handling, disposition=known, disposed_at=disposed_at))


def redecided(finding: Finding, decision: Decision, now: datetime, *, excepted_by: str | None = None) -> Finding:
    """The finding under a new decision on the same drift; `excepted_by` approved the exception that it rests on, if it does.

    The first settled decision fixes `verdict_initial`, which never changes. Until then a live finding may move to any state, but what
    people did about it stays. After that the current verdict follows the evidence, and the state gets worse by itself: what was covered
    and no longer is, is open again. For an open finding to end well a person or the baseline has to act; a pending review ends with the
    decision on it. Refused: a decision about another drift.
    """
    if decision.drift_id != finding.drift.id:
        raise RefusedError(f"the decision is about the drift {decision.drift_id}, not about {finding.drift.id} of the finding {finding.id}")
    moved = _entering(finding, _state_after(finding, decision.verdict), now)
    handling, due_at = moved.handling, finding.due_at
    if finding.state in LIVE:
        handling, due_at = _resting_on(handling, decision, moved.state, now, excepted_by), decision.due_at
        if due_at is None and decision.verdict in UNCOVERED:  # a review that was missed keeps its deadline: how late is it?
            due_at = finding.due_at
        elif due_at is not None and due_at != finding.due_at:  # another deadline: its clock has not struck yet
            handling = replace(handling, alerted=tuple(name for name in handling.alerted if name not in REVIEW_CLOCKS))
    return replace(
        moved,
        handling=handling,
        due_at=due_at,
        verdict_initial=finding.verdict_initial if finding.settled else decision.verdict if decision.settled else None,
        verdict_current=decision.verdict,
        settled=finding.settled or decision.settled,
        last_seen=max(finding.last_seen, now) if finding.state in LIVE else finding.last_seen,
    )


def _state_after(finding: Finding, verdict: Verdict) -> FindingState:
    state, target = finding.state, state_for(verdict)
    if state not in LIVE:
        return state
    if state is FindingState.ACKNOWLEDGED and target is FindingState.OPEN:
        return state
    if state is FindingState.RATIFIED and (finding.settled or target is not FindingState.AWAITING_BASELINE):
        return state
    return target if not finding.settled or target in MOVES_BY_ITSELF[state] else state


def _handled(state: FindingState, previous: Finding | None, drift: Drift) -> tuple[FindingState, Handling]:
    """The state of a new finding, and what it takes over: an acknowledgement or a ratification of exactly these differences."""
    if previous is None or state is not FindingState.OPEN or not unchanged(previous.drift, drift):
        return state, Handling()
    if previous.state in (FindingState.ACKNOWLEDGED, FindingState.RATIFIED):
        return previous.state, replace(previous.handling, transitions=(), flapping=False)
    return state, Handling()


def _following(handling: Handling, previous: Finding | None, history: tuple[datetime, ...], now: datetime) -> Handling:
    """The transitions of a finding that follows another one of its resource: its birth is one of them."""
    former = previous.handling.transitions if previous else history
    return _counted(replace(handling, transitions=former), now) if previous or former else handling


def _entering(finding: Finding, state: FindingState, now: datetime) -> Finding:
    """The finding in another state: counted as a transition. Open again, it waits for somebody anew."""
    if state is finding.state:
        return finding
    handling = _counted(finding.handling, now)
    if state is FindingState.OPEN:
        alerted = tuple(name for name in handling.alerted if name != ACKNOWLEDGE)
        handling = replace(handling, acknowledged_by=None, acknowledged_at=None, ticket=None, alerted=alerted)
    return replace(finding, state=state, handling=handling)


def _counted(handling: Handling, now: datetime) -> Handling:
    recent = (*(at for at in handling.transitions if now - at < FLAPPING_WITHIN), now)
    return replace(handling, transitions=recent, flapping=len(recent) > FLAPPING_MORE_THAN)


def _resting_on(handling: Handling, decision: Decision, state: FindingState, now: datetime, excepted_by: str | None) -> Handling:
    """The exception that the decision rests on, and the disposition that it is for an excepted finding."""
    exception = next((path.record for path in decision.paths if path.verdict is Verdict.EXCEPTED), None)
    former = handling.disposition
    if state is FindingState.EXCEPTED and excepted_by:
        disposition = Disposition(kind="excepted", by=excepted_by)
        at = handling.disposed_at if disposition == former else now
        return replace(handling, exception=exception, disposition=disposition, disposed_at=at)
    if former and former.kind == "excepted":
        return replace(handling, exception=exception, disposition=None, disposed_at=None)
    return replace(handling, exception=exception)


def _dated(change: Difference, interval: Interval | None) -> Difference:
    return replace(change, interval=interval) if interval else change
