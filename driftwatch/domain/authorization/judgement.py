"""What a record comes to for one instance of a change: every rule is asked, and the policy says what each answer counts for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from driftwatch.domain.authorization.matching import specificity
from driftwatch.domain.authorization.policy import Mode, Policy, UnknownAs
from driftwatch.domain.authorization.question import Answer, Question
from driftwatch.domain.authorization.remedies import remedy
from driftwatch.domain.authorization.rules import RULES, SCOPE, Rule
from driftwatch.domain.change import ChangeRecord, ChangeType
from driftwatch.domain.decision import RuleOutcome, RuleResult, Verdict

_COUNTS: Final = frozenset({RuleOutcome.FAIL, RuleOutcome.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One record, judged alone. `rank` orders records from best to worst (section 5, step 8); `due_at` is when its review is due."""

    record: ChangeRecord
    question: Question
    results: tuple[RuleResult, ...]
    violations: tuple[RuleResult, ...]
    unknowns: tuple[RuleResult, ...]
    warnings: tuple[RuleResult, ...]
    pending: bool
    rank: tuple[object, ...]

    @property
    def verdict(self) -> Verdict:
        """Any violation: unauthorized; else any unknown: indeterminate; else a review that is due; else authorized."""
        if self.violations:
            return Verdict.UNAUTHORIZED
        if self.unknowns:
            return Verdict.INDETERMINATE
        if self.pending:
            return Verdict.EMERGENCY_PENDING_REVIEW
        return Verdict.AUTHORIZED_STANDARD if self.question.kind is ChangeType.STANDARD else Verdict.AUTHORIZED

    @property
    def due_at(self) -> datetime | None:
        return self.question.review_deadline if self.verdict is Verdict.EMERGENCY_PENDING_REVIEW else None


def judge_record(question: Question, *, linked: bool) -> Judged:
    """Asks every rule that is not off about the record. R2 is a gate: where it is enforced and fails, it alone is reported."""
    policy = question.policy
    results = [_ask(SCOPE, question)] if policy.mode(SCOPE.id) is not Mode.OFF else []
    out_of_scope = any(result.outcome is RuleOutcome.FAIL for result in results)
    if not (out_of_scope and policy.mode(SCOPE.id) is Mode.ENFORCE):
        results += [_ask(rule, question) for rule in RULES if policy.mode(rule.id) is not Mode.OFF and rule.applies_to(question)]
    violations, unknowns, warnings = _sort(results, policy)
    pending = any(result.outcome is RuleOutcome.PENDING and policy.mode(result.rule) is Mode.ENFORCE for result in results)
    record = question.record
    targets = question.covering or question.targets
    rank = (
        out_of_scope,
        len(violations),
        len(unknowns),
        pending,
        not linked,
        -specificity(targets, question.drift),
        record.created_at,
        record.id,
        record.source,
    )
    return Judged(
        record=record,
        question=question,
        results=tuple(results),
        violations=violations,
        unknowns=unknowns,
        warnings=warnings,
        pending=pending,
        rank=rank,
    )


def amendment(question: Question) -> tuple[str, ...]:
    """What the record, or the change, would have needed for every enforced rule to pass: also for those that the gate leaves unasked."""
    needed = []
    for rule in (SCOPE, *RULES):
        if question.policy.mode(rule.id) is Mode.ENFORCE and rule.applies_to(question):
            answer = rule.judge(question)
            accepted = answer.outcome is RuleOutcome.UNKNOWN and question.policy.unknown_as is UnknownAs.PASS
            if answer.outcome in _COUNTS and not accepted:
                needed.append(_remedy(question, answer))
    return tuple(dict.fromkeys(needed))


def _ask(rule: Rule, question: Question) -> RuleResult:
    answer = rule.judge(question)
    event = question.instance.event
    return RuleResult(
        rule=rule.id,
        outcome=answer.outcome,
        record=question.record.id,
        event=event.id if event else None,
        detail=answer.detail,
        explanation=_explanation(question, answer),
    )


def _explanation(question: Question, answer: Answer) -> str:
    """One sentence; of a failure it also says what would have passed."""
    if answer.outcome is not RuleOutcome.FAIL:
        return answer.explanation
    return f"{answer.explanation.removesuffix('.')}; it would have passed with {_remedy(question, answer)}."


def _remedy(question: Question, answer: Answer) -> str:
    return remedy(question, answer.detail.partition(":")[0])


Results = tuple[RuleResult, ...]


def _sort(results: list[RuleResult], policy: Policy) -> tuple[Results, Results, Results]:
    """Violations, unknowns and warnings (step 7). A rule that only warns never decides; an unknown counts as the policy's tier says."""
    counted = [result for result in results if result.outcome in _COUNTS]
    enforced = [result for result in counted if policy.mode(result.rule) is Mode.ENFORCE]
    unknown = [result for result in enforced if result.outcome is RuleOutcome.UNKNOWN]
    failed = [result for result in enforced if result.outcome is RuleOutcome.FAIL or policy.unknown_as is UnknownAs.FAIL]
    accepted = [result for result in counted if result not in enforced or (result in unknown and policy.unknown_as is UnknownAs.PASS)]
    return tuple(failed), tuple(unknown) if policy.unknown_as is UnknownAs.UNKNOWN else (), tuple(accepted)
