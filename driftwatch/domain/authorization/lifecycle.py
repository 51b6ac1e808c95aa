"""The transitions of a finding (authorisation specification, section 9.1). Each returns a new finding or raises RefusedError.

A closed finding stays in its state; the same resource off its baseline again is a new finding.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from driftwatch.domain.baseline import Disposition
from driftwatch.domain.decision import AWAITING, Decision, Verdict
from driftwatch.domain.drift import Difference, Drift, Interval
from driftwatch.domain.finding import LIVE, Finding, FindingState
from driftwatch.domain.resource import Cell
from driftwatch.errors import RefusedError

_NEEDS_NO_DISPOSITION: Final = AWAITING | {Verdict.NOT_CONTROLLED}


def state_for(verdict: Verdict) -> FindingState:
    """The state that a finding with this verdict is in when nobody has dealt with it."""
    if verdict in AWAITING:
        return FindingState.AWAITING_BASELINE
    return FindingState.INFORMATIONAL if verdict is Verdict.NOT_CONTROLLED else FindingState.OPEN


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
) -> Finding:
    """A new finding, at once in the state of its verdict; the successor of `previous` where the value of a live finding changed.

    Refused: a decision about another drift, and a successor whose drift is the same version as before.
    """
    if decision.drift_id != drift.id:
        raise RefusedError(f"the decision is about the drift {decision.drift_id}, not about {drift.id}")
    if previous and previous.drift_version == drift.version:
        raise RefusedError(f"the finding {previous.id} has this drift already: the same version seen again makes no new finding")
    return Finding(
        id=id,
        baseline=baseline,
        cell=cell,
        resource_id=drift.resource_id,
        resource=drift.resource,
        state=state_for(decision.verdict),
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
        previous_id=previous.id if previous else None,
    )


def carry_intervals(previous: Drift, drift: Drift) -> Drift:
    """The new version of a drift, in which every difference that was there before keeps the time at which it came about.

    To be done before the new version is judged: what was changed under a record last week is not to be dated to this scan.
    """
    known = {change.identity: change.interval or previous.interval for change in previous.changes}
    return replace(drift, changes=tuple(_dated(change, known.get(change.identity)) for change in drift.changes))


def supersede(finding: Finding, now: datetime) -> Finding:
    """value_changed: its successor stands for the resource from now on. Refused for a closed finding."""
    return _closed(finding, FindingState.SUPERSEDED, now)


def snapshot_clean(finding: Finding, now: datetime) -> Finding:
    """The value equals the baseline again: reverted. That needs no record; the verdict on the act stays. Refused for a closed finding."""
    return _closed(finding, FindingState.REVERTED, now)


def baseline_activated(finding: Finding, now: datetime, *, disposition: Disposition | None = None) -> Finding:
    """A baseline that holds the value became active: baselined. Refused without a disposition of an uncovered drift, or when closed."""
    if finding.verdict_current not in _NEEDS_NO_DISPOSITION and disposition is None:
        raise RefusedError(
            f"R13: the finding {finding.id} on {finding.resource_id} is {finding.verdict_current.value}; it enters a baseline only with a "
            "disposition by somebody who did not make the change"
        )
    return _closed(finding, FindingState.BASELINED, now)


def redecided(finding: Finding, decision: Decision, now: datetime) -> Finding:
    """The finding under a new decision on the same drift.

    The first settled decision fixes `verdict_initial`, which never changes. Until then a live finding may move to any state. After that
    the current verdict follows the evidence, but the state only gets worse by itself: what was covered and no longer is, is open again;
    for an open finding to end well a person or the baseline has to act. Refused: a decision about another drift.
    """
    if decision.drift_id != finding.drift.id:
        raise RefusedError(f"the decision is about the drift {decision.drift_id}, not about {finding.drift.id} of the finding {finding.id}")
    return replace(
        finding,
        state=_state_after(finding, decision.verdict),
        verdict_initial=finding.verdict_initial if finding.settled else decision.verdict if decision.settled else None,
        verdict_current=decision.verdict,
        settled=finding.settled or decision.settled,
        last_seen=max(finding.last_seen, now) if finding.state in LIVE else finding.last_seen,
    )


def _state_after(finding: Finding, verdict: Verdict) -> FindingState:
    if finding.state not in LIVE:
        return finding.state
    state = state_for(verdict)
    return state if state is FindingState.OPEN or not finding.settled else finding.state


def _dated(change: Difference, interval: Interval | None) -> Difference:
    return replace(change, interval=interval) if interval else change


def _closed(finding: Finding, state: FindingState, now: datetime) -> Finding:
    if finding.state not in LIVE:
        raise RefusedError(f"the finding {finding.id} is {finding.state.value} already: a closed finding is not changed")
    return replace(finding, state=state, closed_at=now)
