"""What a record comes to for one instance of a change: every rule is asked, and the policy says what each answer counts for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from driftwatch.domain.authorization.matching import specificity
from driftwatch.domain.authorization.policy import Mode, Policy, UnknownAs
from driftwatch.domain.authorization.question import Question
from driftwatch.domain.authorization.rules import RULES, SCOPE, Rule
from driftwatch.domain.change import ChangeRecord
from driftwatch.domain.decision import RuleOutcome, RuleResult, Verdict

_COUNTS: Final = frozenset({RuleOutcome.FAIL, RuleOutcome.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One record, judged alone. `rank` orders records from best to worst (section 5, step 8)."""

    record: ChangeRecord
    results: tuple[RuleResult, ...]
    violations: tuple[RuleResult, ...]
    unknowns: tuple[RuleResult, ...]
    warnings: tuple[RuleResult, ...]
    rank: tuple[object, ...]

    @property
    def verdict(self) -> Verdict:
        """Any violation: unauthorized; else any unknown: indeterminate; else authorized."""
        if self.violations:
            return Verdict.UNAUTHORIZED
        return Verdict.INDETERMINATE if self.unknowns else Verdict.AUTHORIZED


def judge_record(question: Question, *, linked: bool) -> Judged:
    """Asks every rule that is not off about the record. R2 is a gate: where it is enforced and fails, it alone is reported."""
    policy = question.policy
    results = [_ask(SCOPE, question)] if policy.mode(SCOPE.id) is not Mode.OFF else []
    out_of_scope = any(result.outcome is RuleOutcome.FAIL for result in results)
    if not (out_of_scope and policy.mode(SCOPE.id) is Mode.ENFORCE):
        results += [_ask(rule, question) for rule in RULES if policy.mode(rule.id) is not Mode.OFF]
    violations, unknowns, warnings = _sort(results, policy)
    record = question.record
    targets = question.covering or question.targets
    rank = (
        out_of_scope,
        len(violations),
        len(unknowns),
        not linked,
        -specificity(targets, question.drift),
        record.created_at,
        record.id,
        record.source,
    )
    return Judged(record=record, results=tuple(results), violations=violations, unknowns=unknowns, warnings=warnings, rank=rank)


def _ask(rule: Rule, question: Question) -> RuleResult:
    answer = rule.judge(question)
    event = question.instance.event
    return RuleResult(
        rule=rule.id,
        outcome=answer.outcome,
        record=question.record.id,
        event=event.id if event else None,
        detail=answer.detail,
        explanation=answer.explanation,
    )


Results = tuple[RuleResult, ...]


def _sort(results: list[RuleResult], policy: Policy) -> tuple[Results, Results, Results]:
    """Violations, unknowns and warnings (step 7). A rule that only warns never decides; an unknown counts as the policy's tier says."""
    counted = [result for result in results if result.outcome in _COUNTS]
    enforced = [result for result in counted if policy.mode(result.rule) is Mode.ENFORCE]
    unknown = [result for result in enforced if result.outcome is RuleOutcome.UNKNOWN]
    failed = [result for result in enforced if result.outcome is RuleOutcome.FAIL or policy.unknown_as is UnknownAs.FAIL]
    accepted = [result for result in counted if result not in enforced or (result in unknown and policy.unknown_as is UnknownAs.PASS)]
    return tuple(failed), tuple(unknown) if policy.unknown_as is UnknownAs.UNKNOWN else (), tuple(accepted)
