"""The decision procedure (authorisation specification, section 5): which change record, if any, allowed this drift?

Pure: the same drift, events, records, source states, policy and `now` give the same decision, byte for byte, in whatever order they
come. Every record is judged alone; the evidence of two is never combined.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from driftwatch.domain.activity import ActorEvent
from driftwatch.domain.authorization.exceptions import ExceptionIndex
from driftwatch.domain.authorization.glob import any_matches
from driftwatch.domain.authorization.identity import Identities
from driftwatch.domain.authorization.index import CandidateIndex
from driftwatch.domain.authorization.inputs import inputs_hash
from driftwatch.domain.authorization.matching import paths_cover
from driftwatch.domain.authorization.paths import STALE_GRACE, WORSE, Case, Outcome, interval_of, judge_path, union
from driftwatch.domain.authorization.policy import Policy
from driftwatch.domain.change import ChangeRecord, SourceStatus
from driftwatch.domain.decision import UNCOVERED, Decision, PathDecision, Verdict
from driftwatch.domain.drift import Drift
from driftwatch.domain.exception import ExceptionRecord

__all__ = ["CandidateIndex", "ExceptionIndex", "decide", "drift_verdict", "relevant"]


def decide(
    drift: Drift,
    *,
    events: Iterable[ActorEvent],
    records: CandidateIndex | Sequence[ChangeRecord],
    sources: Sequence[SourceStatus],
    policy: Policy,
    now: datetime,
    exceptions: ExceptionIndex | Iterable[ExceptionRecord] = (),
    log_until: datetime | None = None,
) -> Decision:
    """Judges a drift under a policy. `sources` are all configured change sources; for many drifts pass one CandidateIndex as `records`,
    and one ExceptionIndex as `exceptions`. `log_until` is up to when every logged call of the account is known (None: no more of them is
    awaited): a decision about a later change is not settled yet, for a day at most.

    A drift whose every path the policy ignores is no drift: its decision has no paths and the verdict `not_controlled`; ask `relevant`
    first where that matters. Raises InputError where the policy's identities contradict each other, and ValueError for a drift without
    any difference: that nothing changed is not for a decision to say.
    """
    if not drift.changes:
        raise ValueError(f"the drift {drift.id} of {drift.resource_id} has no difference")
    index = records if isinstance(records, CandidateIndex) else CandidateIndex(records, policy)
    excuses = exceptions if isinstance(exceptions, ExceptionIndex) else ExceptionIndex(exceptions)
    case = Case(
        drift=drift,
        events=sorted(events, key=lambda event: (event.time, event.id)),
        candidates=index.candidates(drift, policy),
        exceptions=excuses.naming(drift, policy),
        sources=sorted(sources, key=lambda source: source.name),
        policy=policy,
        people=index.people if policy is index.policy else Identities(policy.context),
        now=now,
    )
    kept, suppressed = relevant(drift, policy)
    changes = kept.changes if kept else ()
    outcomes = [judge_path(case, change) for change in changes] if _controlled(drift, policy) else []
    if outcomes:
        paths = tuple(outcome.on(change.path) for change, outcome in zip(changes, outcomes, strict=True))
    else:
        paths = tuple(PathDecision(path=change.path, verdict=Verdict.NOT_CONTROLLED) for change in changes)
    return _decision(case, paths, outcomes, suppressed, log_until)


def relevant(drift: Drift, policy: Policy) -> tuple[Drift | None, tuple[str, ...]]:
    """The drift without the paths that the policy ignores (None: nothing is left, so it is no drift), and those paths."""
    patterns = [
        path
        for ignore in policy.context.ignore
        if any_matches(ignore.resource_types, drift.resource_type)
        for path in ignore.attribute_paths
    ]
    ignored = tuple(change.path for change in drift.changes if paths_cover(patterns, change.path))
    if not ignored:
        return drift, ()
    kept = tuple(change for change in drift.changes if change.path not in ignored)
    return (replace(drift, changes=kept) if kept else None), ignored


def drift_verdict(paths: Iterable[Verdict]) -> Verdict:
    """The verdict on a drift, from those on its paths (section 7)."""
    verdicts = set(paths)
    uncovered = verdicts & UNCOVERED
    if uncovered and verdicts - UNCOVERED:
        return Verdict.PARTIALLY_AUTHORIZED
    if uncovered:
        return max(uncovered, key=WORSE.__getitem__)
    if Verdict.EMERGENCY_PENDING_REVIEW in verdicts:
        return Verdict.EMERGENCY_PENDING_REVIEW
    if len(verdicts) == 1:
        return verdicts.pop()
    return Verdict.AUTHORIZED if verdicts else Verdict.NOT_CONTROLLED


def _controlled(drift: Drift, policy: Policy) -> bool:
    accounts = policy.context.production_accounts
    return accounts is None or drift.account in accounts


def _decision(
    case: Case, paths: tuple[PathDecision, ...], outcomes: Sequence[Outcome], suppressed: tuple[str, ...], log_until: datetime | None
) -> Decision:
    chosen = {path.record for path in paths}
    matched = {record for outcome in outcomes for record in outcome.matched}
    detected = max([case.drift.interval.detected, *(interval_of(case.drift, change).detected for change in case.drift.changes)])
    return Decision(
        drift_id=case.drift.id,
        verdict=drift_verdict(path.verdict for path in paths),
        paths=paths,
        violations=union(outcome.violations for outcome in outcomes),
        unknowns=union(outcome.unknowns for outcome in outcomes),
        warnings=union(outcome.warnings for outcome in outcomes),
        record=next(iter(chosen)) if len(chosen) == 1 else None,
        also_matched=tuple(sorted(matched - chosen)),
        suppressed_paths=suppressed,
        due_at=min((outcome.due_at for outcome in outcomes if outcome.due_at), default=None),
        settled=case.now >= detected + timedelta(seconds=case.policy.settle_s)
        and not any(outcome.unsettled for outcome in outcomes)
        and (log_until is None or log_until >= detected or case.now >= detected + STALE_GRACE),
        policy_version=case.policy.version,
        inputs_hash=inputs_hash(case.drift, case.events, case.candidates, case.exceptions, case.sources, case.policy),
        decided_at=case.now,
    )
