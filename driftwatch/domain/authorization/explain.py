"""A decision in words, for `findings why`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from driftwatch.domain.authorization import words
from driftwatch.domain.authorization.rules import RULE_NAMES
from driftwatch.domain.decision import COVERED, Decision, PathDecision, RuleResult, Verdict

_VERDICTS: Final = {
    Verdict.AUTHORIZED: "Authorised: a change record covers every change.",
    Verdict.AUTHORIZED_STANDARD: "Authorised: a pre-approved standard change covers every change.",
    Verdict.AUTHORIZED_MACHINE: "Authorised: an AWS service made the change, as the policy allows.",
    Verdict.EXCEPTED: "Excepted: an exception excuses the state for now.",
    Verdict.EMERGENCY_PENDING_REVIEW: "Pending: an emergency change that still has to be reviewed.",
    Verdict.INDETERMINATE: "Indeterminate: it cannot be told yet whether a change record covers this.",
    Verdict.EXCEPTION_EXPIRED: "Expired: the exception that excused this state has run out.",
    Verdict.UNAUTHORIZED: "Unauthorised: no change record allowed this.",
    Verdict.PARTIALLY_AUTHORIZED: "Partially authorised: some of the changes are covered, others are not.",
    Verdict.NOT_CONTROLLED: "Not controlled: the policy does not apply to this account or to any of these paths.",
}


def explain(decision: Decision) -> list[str]:
    """The verdict, then each path with every record that was considered and what each rule found; one line each, indented by rank."""
    lines = [_VERDICTS[decision.verdict]]
    if not decision.settled:
        lines.append("Not settled yet: events and change records may still arrive.")
    warnings = frozenset(decision.warnings)
    for path in decision.paths:
        lines.extend(_path(path, warnings))
    if decision.due_at:
        lines.append(f"The review is due by {words.instant(decision.due_at)}.")
    if decision.also_matched:
        lines.append(f"Also covered by {words.listed(decision.also_matched)}.")
    if decision.suppressed_paths:
        lines.append(f"Ignored, as the policy says: {words.listed([words.place(path) for path in decision.suppressed_paths])}.")
    return lines


def _path(path: PathDecision, warnings: Collection[RuleResult]) -> Iterator[str]:
    yield f"{words.place(path.path)}: {path.verdict.value}{_by(path)}"
    for result in path.results:
        yield f"  {_said(result, warnings)}"
    for item in path.considered:
        yield f"  {item.record}: {item.verdict.value}"
        for result in item.results:
            yield f"    {_said(result, warnings)}"
    if path.amendment and path.record:
        yield f"  Smallest amendment: {path.record} would have covered it with {words.listed(path.amendment)}."


def _by(path: PathDecision) -> str:
    if path.record is None:
        return ""
    return f" by {path.record}" if path.verdict in COVERED else f", nearest is {path.record}"


def _said(result: RuleResult, warnings: Collection[RuleResult]) -> str:
    """The rule, what it found, and whether that only warns under this policy."""
    name = RULE_NAMES.get(result.rule)
    only = " (a warning only)" if result in warnings else ""
    return f"{result.rule}{f' {name}' if name else ''}, {result.outcome.value}{only}: {result.explanation}"
