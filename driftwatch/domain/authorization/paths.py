"""Judging one changed path: who changed it and when, which records are near, and which of them is the best (section 5, steps 2 to 10)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from driftwatch.domain.activity import ActorEvent, ActorKind
from driftwatch.domain.attribute import why_not
from driftwatch.domain.authorization import wording_scope as wording
from driftwatch.domain.authorization.exceptions import Excuse, excuse
from driftwatch.domain.authorization.glob import any_matches
from driftwatch.domain.authorization.identity import Identities
from driftwatch.domain.authorization.judgement import Judged, amendment, judge_record
from driftwatch.domain.authorization.matching import Candidate, away, machine_matches
from driftwatch.domain.authorization.moment import Moment
from driftwatch.domain.authorization.policy import Policy
from driftwatch.domain.authorization.question import Instance, Question
from driftwatch.domain.change import ChangeRecord, SourceStatus
from driftwatch.domain.decision import COVERED, UNCOVERED, Considered, PathDecision, RuleOutcome, RuleResult, Verdict
from driftwatch.domain.drift import Difference, Drift, Interval
from driftwatch.domain.exception import ExceptionRecord

STALE_GRACE: Final = timedelta(hours=24)
"""How long a change source that was not read since the change keeps a drift from being called unauthorised (section 5, step 9)."""

WORSE: Final = {verdict: rank for rank, verdict in enumerate(Verdict)}
"""Rank of a path's verdict: the higher, the worse (section 7)."""

_EXCUSED_BY_STALE: Final = frozenset({"R1", "R2", "R4"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything that is known about one drift."""

    drift: Drift
    events: Sequence[ActorEvent]
    candidates: tuple[Candidate, ...]
    exceptions: tuple[ExceptionRecord, ...]
    """Those that name the resource."""
    sources: Sequence[SourceStatus]
    policy: Policy
    people: Identities
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one instance of a change, or one path, comes to."""

    verdict: Verdict
    record: str | None = None
    violations: tuple[RuleResult, ...] = ()
    unknowns: tuple[RuleResult, ...] = ()
    warnings: tuple[RuleResult, ...] = ()
    considered: tuple[Considered, ...] = ()
    matched: tuple[str, ...] = ()
    due_at: datetime | None = None
    amendment: tuple[str, ...] = ()
    unsettled: bool = False
    results: tuple[RuleResult, ...] = ()
    """What is not about one record: R1, R14, a stale source."""

    def on(self, path: str) -> PathDecision:
        return PathDecision(
            path=path,
            verdict=self.verdict,
            record=self.record,
            considered=self.considered,
            results=self.results,
            amendment=self.amendment if self.verdict in UNCOVERED else (),
        )


def judge_path(case: Case, change: Difference) -> Outcome:
    """The worst of the path's instances, with the violations of all; unless an exception excuses what it comes to."""
    instances = _instances(case, change)
    outcome = _worst([_judge_instance(case, change, instance) for instance in instances])
    if outcome.verdict not in (Verdict.UNAUTHORIZED, Verdict.INDETERMINATE):
        return outcome
    humans = [human for instance in instances for human in instance.humans]
    found = excuse(case.exceptions, change.path, case.drift, case.policy, case.people, humans, case.now)
    return _excused(outcome, found) if found else outcome


def _excused(outcome: Outcome, found: Excuse) -> Outcome:
    """Step 10: a valid exception takes the place of every violation; an expired or void one is one more of them."""
    results = (*outcome.results, found.result)
    if found.verdict is Verdict.EXCEPTED:
        return replace(outcome, verdict=found.verdict, record=found.exception.id, violations=(), unknowns=(), results=results)
    return replace(outcome, verdict=found.verdict, violations=(*outcome.violations, found.result), results=results)


def _worst(outcomes: Sequence[Outcome]) -> Outcome:
    worst = max(reversed(outcomes), key=lambda outcome: WORSE[outcome.verdict])
    return replace(
        worst,
        violations=union(outcome.violations for outcome in outcomes),
        unknowns=union(outcome.unknowns for outcome in outcomes),
        warnings=union(outcome.warnings for outcome in outcomes),
        considered=tuple(item for outcome in outcomes for item in outcome.considered),
        matched=tuple(record for outcome in outcomes for record in outcome.matched),
        due_at=min((outcome.due_at for outcome in outcomes if outcome.due_at), default=None),
        results=union(outcome.results for outcome in outcomes),
        unsettled=any(outcome.unsettled for outcome in outcomes),
    )


def _instances(case: Case, change: Difference) -> list[Instance]:
    """Who changed the path, and when: the last writer, or every one; without an event, nobody known within the interval."""
    interval = interval_of(case.drift, change)
    tolerance = timedelta(seconds=case.policy.clock_tolerance_s)
    writers = [event for event in case.events if why_not(event, change.path, interval, tolerance, case.now) is None]
    if not writers:
        return [Instance(event=None, moment=Moment.within(interval))]
    judged = writers if case.policy.evaluate_all_writers else writers[-1:]
    return [Instance(event=event, moment=Moment.at(event.time), last=event is writers[-1]) for event in judged]


def _judge_instance(case: Case, change: Difference, instance: Instance) -> Outcome:
    if _by_machine(case, change, instance):
        return Outcome(verdict=Verdict.AUTHORIZED_MACHINE)
    horizon = timedelta(hours=case.policy.candidate_horizon_h)
    near = [item for item in case.candidates if _linked(item.record, instance) or away(item.record, instance.moment) <= horizon]
    judged = sorted((_judge_candidate(case, change, instance, item) for item in near), key=lambda item: item.rank)
    if not judged:
        return _unless_stale(case, change, instance, _no_record(case, change, instance))
    best = judged[0]
    outcome = Outcome(
        verdict=best.verdict,
        record=best.record.id,
        violations=best.violations,
        unknowns=best.unknowns,
        warnings=best.warnings,
        considered=tuple(Considered(record=item.record.id, verdict=item.verdict, results=item.results) for item in judged),
        matched=tuple(item.record.id for item in judged if item.verdict in COVERED),
        due_at=best.due_at,
        amendment=amendment(best.question) if best.verdict in UNCOVERED else (),
    )
    return _unless_stale(case, change, instance, outcome)


def _judge_candidate(case: Case, change: Difference, instance: Instance, candidate: Candidate) -> Judged:
    question = Question(
        drift=case.drift,
        change=change,
        instance=instance,
        record=candidate.record,
        targets=candidate.targets,
        policy=case.policy,
        people=case.people,
        now=case.now,
    )
    return judge_record(question, linked=_linked(candidate.record, instance))


def _by_machine(case: Case, change: Difference, instance: Instance) -> bool:
    """Whether a machine policy allows this: an AWS service named there did it, or nobody known did and the policy allows that."""
    event = instance.event
    for machine in case.policy.context.machine_actors:
        if event is None:
            meant = machine.allow_unattributed
        else:
            names = case.people.names(event.actor) if event.actor and event.actor_kind is ActorKind.AWS_SERVICE else ()
            meant = any(any_matches(machine.principals, name) for name in names)
        if meant and machine_matches(machine, case.drift, change.path, case.policy):
            return True
    return False


def _linked(record: ChangeRecord, instance: Instance) -> bool:
    """Whether the run that made the change says that it carried out this record."""
    run = instance.event.run_ref if instance.event else None
    return run is not None and run.change_id == record.id


def _no_record(case: Case, change: Difference, instance: Instance) -> Outcome:
    """R1, which no policy can soften."""
    nearest = min(case.candidates, key=lambda item: (away(item.record, instance.moment), item.record.id), default=None)
    result = RuleResult(
        rule="R1",
        outcome=RuleOutcome.FAIL,
        event=instance.event.id if instance.event else None,
        detail="no_record",
        explanation=wording.no_record(case.drift, change.path, instance.moment, case.policy, nearest),
    )
    return Outcome(verdict=Verdict.UNAUTHORIZED, violations=(result,), results=(result,))


def _unless_stale(case: Case, change: Difference, instance: Instance, outcome: Outcome) -> Outcome:
    """Step 9: what is uncovered only for want of a record, while a source was not read since, is indeterminate for a day."""
    if outcome.verdict is not Verdict.UNAUTHORIZED or not {result.rule for result in outcome.violations} <= _EXCUSED_BY_STALE:
        return outcome
    if case.now - interval_of(case.drift, change).detected >= STALE_GRACE:
        return outcome
    stale = [source for source in case.sources if source.last_success_at is None or source.last_success_at < instance.moment.latest]
    if not stale:
        return outcome
    unknowns = tuple(
        RuleResult(
            rule="SOURCE_STALE",
            outcome=RuleOutcome.UNKNOWN,
            record=outcome.record,
            event=instance.event.id if instance.event else None,
            detail="not_read_since",
            explanation=wording.source_stale(source, instance.moment),
        )
        for source in stale
    )
    return replace(
        outcome,
        verdict=Verdict.INDETERMINATE,
        violations=(),
        unknowns=(*outcome.unknowns, *unknowns),
        results=(*outcome.results, *unknowns),
        unsettled=True,
    )


def interval_of(drift: Drift, change: Difference) -> Interval:
    """When the path was changed: a path may be dated more precisely than its drift."""
    return change.interval or drift.interval


def union(results: Iterable[tuple[RuleResult, ...]]) -> tuple[RuleResult, ...]:
    """All results in their order, each once."""
    return tuple(dict.fromkeys(result for group in results for result in group))
