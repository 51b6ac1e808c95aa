"""Decision and Verdict: the judgement of one Drift under one policy version (authorisation specification, section 7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from driftwatch.domain.resource import Json


class Verdict(StrEnum):
    """What a decision comes to; the first eight stand in the order from best to worst."""

    AUTHORIZED = "authorized"
    AUTHORIZED_STANDARD = "authorized_standard"
    AUTHORIZED_MACHINE = "authorized_machine"
    EXCEPTED = "excepted"
    EMERGENCY_PENDING_REVIEW = "emergency_pending_review"
    INDETERMINATE = "indeterminate"
    EXCEPTION_EXPIRED = "exception_expired"
    UNAUTHORIZED = "unauthorized"
    PARTIALLY_AUTHORIZED = "partially_authorized"
    NOT_CONTROLLED = "not_controlled"


COVERED = frozenset({Verdict.AUTHORIZED, Verdict.AUTHORIZED_STANDARD, Verdict.AUTHORIZED_MACHINE, Verdict.EXCEPTED})
UNCOVERED = frozenset({Verdict.INDETERMINATE, Verdict.EXCEPTION_EXPIRED, Verdict.UNAUTHORIZED, Verdict.PARTIALLY_AUTHORIZED})
AWAITING = frozenset({Verdict.AUTHORIZED, Verdict.AUTHORIZED_STANDARD, Verdict.AUTHORIZED_MACHINE})
"""The verdicts under which a drift may enter the baseline without a disposition."""


class RuleOutcome(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"
    PENDING = "pending"
    NOT_APPLICABLE = "n/a"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResult:
    """One rule's judgement of one record (None: no record) for one path and one instance of the change.

    `detail` is one of a closed set of words for programs (retroactive, unapproved, backdated, ...), `explanation` one sentence for
    people: what was found, what was required, and by how much it missed.
    """

    rule: str
    outcome: RuleOutcome
    record: str | None = None
    event: str | None = None
    detail: str = ""
    explanation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Considered:
    """One candidate record for one path: its class, and every rule that was judged on it."""

    record: str
    verdict: Verdict
    results: tuple[RuleResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PathDecision:
    """The verdict on one changed path, the record that gave it, and every candidate that was considered.

    `results` is what was found where it is not about one record: that none covers the path (R1), or a stale change source.
    """

    path: str
    verdict: Verdict
    record: str | None = None
    considered: tuple[Considered, ...] = ()
    results: tuple[RuleResult, ...] = ()
    amendment: tuple[str, ...] = ()
    """What the named record would have needed to cover an uncovered path: noun phrases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One path of one finding that a change record decided, as last judged."""

    record: str
    finding: str
    path: str
    verdict: Verdict
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The judgement of a drift. `violations`, `unknowns` and `warnings` are those of the best record of each path.

    `record` is the one record that decided every path, else None. `inputs_hash` is the SHA-256 of everything that the decision rests on.
    """

    drift_id: str
    verdict: Verdict
    paths: tuple[PathDecision, ...]
    violations: tuple[RuleResult, ...] = ()
    unknowns: tuple[RuleResult, ...] = ()
    warnings: tuple[RuleResult, ...] = ()
    record: str | None = None
    also_matched: tuple[str, ...] = ()
    suppressed_paths: tuple[str, ...] = ()
    due_at: datetime | None = None
    """By when the first of its emergency changes has to be reviewed; None where none is pending."""
    settled: bool = True
    policy_version: str
    inputs_hash: str
    decided_at: datetime

    def to_json(self) -> Json:
        """The decision as plain JSON: what the store keeps and `--json` prints."""
        return {
            "drift_id": self.drift_id,
            "verdict": self.verdict.value,
            "paths": [_path_json(path) for path in self.paths],
            "violations": [_result_json(result) for result in self.violations],
            "unknowns": [_result_json(result) for result in self.unknowns],
            "warnings": [_result_json(result) for result in self.warnings],
            "record": self.record,
            "also_matched": list(self.also_matched),
            "suppressed_paths": list(self.suppressed_paths),
            "due_at": self.due_at.isoformat().replace("+00:00", "Z") if self.due_at else None,
            "settled": self.settled,
            "policy_version": self.policy_version,
            "inputs_hash": self.inputs_hash,
            "decided_at": self.decided_at.isoformat().replace("+00:00", "Z"),
        }


def _path_json(path: PathDecision) -> Json:
    return {
        "path": path.path,
        "verdict": path.verdict.value,
        "record": path.record,
        "considered": [
            {"record": item.record, "verdict": item.verdict.value, "results": [_result_json(result) for result in item.results]}
            for item in path.considered
        ],
        "results": [_result_json(result) for result in path.results],
        "amendment": list(path.amendment),
    }


def _result_json(result: RuleResult) -> Json:
    return {
        "rule": result.rule,
        "outcome": result.outcome.value,
        "record": result.record,
        "event": result.event,
        "detail": result.detail,
        "explanation": result.explanation,
    }
