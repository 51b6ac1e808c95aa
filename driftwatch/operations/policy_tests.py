"""Running decision cases: what each came to, against what it expects. Pure: the same cases, the same results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from driftwatch.documents.cases import Case, Happened, Trace
from driftwatch.documents.claims import Claim
from driftwatch.domain.authorization.baseline_rules import auto_promotable, promotable
from driftwatch.domain.authorization.decide import decide
from driftwatch.domain.authorization.explain import explain
from driftwatch.domain.authorization.trace import trace
from driftwatch.domain.baseline import BaselineVersion
from driftwatch.domain.canonical import canonical_json, utc_text
from driftwatch.domain.decision import RuleOutcome, RuleResult
from driftwatch.domain.resource import Json
from driftwatch.errors import RefusedError

_WHENEVER: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A claim that does not hold, and what was found instead."""

    claim: Claim
    found: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """One case that was run. `explanation` says in words how it came to what it came to, line by line."""

    case: Case
    mismatches: tuple[Mismatch, ...]
    explanation: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.mismatches


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a case came to, by the word of the claim, and by path and word."""

    whole: Mapping[str, Json]
    paths: Mapping[str, Mapping[str, Json]]
    explanation: tuple[str, ...]


def run(cases: Iterable[Case]) -> list[CaseResult]:
    """Each case judged by the same functions as drifts are. Raises InputError where the identities of a case contradict each other."""
    return [_run(case) for case in cases]


def _run(case: Case) -> CaseResult:
    outcome = _outcome(case)
    found = [(claim, _found(claim, outcome)) for claim in case.expect]
    return CaseResult(
        case=case,
        mismatches=tuple(Mismatch(claim, value) for claim, value in found if value != claim.value),
        explanation=outcome.explanation,
    )


def _outcome(case: Case) -> _Outcome:
    if isinstance(case.given, Happened):
        return _judged(case, case.given)
    if isinstance(case.given, BaselineVersion):
        return _promotion(case, case.given)
    return _traced(case.given)


def _found(claim: Claim, outcome: _Outcome) -> Json:
    if claim.path is None:
        return outcome.whole[claim.what]
    path = outcome.paths.get(claim.path)
    return "no such path in the drift" if path is None else path[claim.what]


def _judged(case: Case, happened: Happened) -> _Outcome:
    decision = decide(
        happened.drift,
        events=happened.events,
        records=happened.records,
        sources=happened.sources,
        exceptions=happened.exceptions,
        policy=case.policy,
        now=case.now or _WHENEVER,
    )
    whole: dict[str, Json] = {
        "verdict": decision.verdict.value,
        "violations": _rules(decision.violations),
        "unknowns": _rules(decision.unknowns),
        "warnings": _rules(decision.warnings),
        "record": decision.record,
        "also_matched": sorted(decision.also_matched),
        "suppressed_paths": sorted(decision.suppressed_paths),
        "settled": decision.settled,
        "due_at": decision.due_at and utc_text(decision.due_at),
    }
    paths = {path.path: {"verdict": path.verdict.value, "record": path.record} for path in decision.paths}
    return _Outcome(whole, paths, tuple(explain(decision)))


def _promotion(case: Case, version: BaselineVersion) -> _Outcome:
    """What R13 says. A baseline whose every drift is covered promotes itself, where the policy lets it and nobody rejected it."""
    by_people, results = promotable(version, case.policy, case.now or _WHENEVER)
    by_itself, reasons = auto_promotable(version, case.policy)
    rejected = any(result.detail == "rejected_by" for result in results)
    if by_itself and not by_people and not rejected:
        by_people, results = True, reasons
    short = _rules(result for result in results if result.outcome is not RuleOutcome.PASS)
    whole: dict[str, Json] = {
        "promotable": by_people,
        "violations": [] if by_people else short,
        "warnings": short if by_people else [],
    }
    return _Outcome(whole, {}, tuple(f"{result.rule}, {result.outcome.value}: {result.explanation}" for result in results))


def _traced(events: Trace) -> _Outcome:
    """Where the events lead; one that is refused leaves everything as it was."""
    taken: list[Mapping[str, Json]] = []
    refused: list[str] = []
    notes: list[str] = []
    for event in events:
        try:
            trace([*taken, event])
        except RefusedError as error:
            refused.append(event["event"])
            notes.append(f"refused: {error}")
        else:
            taken.append(event)
    end = trace(taken)
    whole: dict[str, Json] = {
        "state": end.state.value,
        "verdict_initial": end.verdict_initial and end.verdict_initial.value,
        "verdict_current": end.verdict_current.value,
        "refused": sorted(set(refused)),
    }
    return _Outcome(whole, {}, (" > ".join([*(str(event["event"]) for event in taken), end.state.value]), *notes))


def _rules(results: Iterable[RuleResult]) -> list[str]:
    return sorted({result.rule for result in results})


def document(result: CaseResult) -> Json:
    """What `policy test --json` prints of one case."""
    case = result.case
    return {
        "id": case.id,
        "title": case.title,
        "kind": case.kind.value,
        "place": str(case.place),
        "passed": result.passed,
        "mismatches": [
            {"what": str(item.claim), "expected": item.claim.value, "found": item.found, "place": str(item.claim.place)}
            for item in result.mismatches
        ],
        "explanation": list(result.explanation),
    }


def shown(value: Json) -> str:
    """A value as a message shows it: words as they are, lists in brackets, null as nothing."""
    if value is None:
        return "nothing"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return f"[{', '.join(value)}]"
    return value if isinstance(value, str) else canonical_json(value).decode()
