"""What the tests of single rules share: the decision on one change of one path under one record, and what one rule found in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from hypothesis import settings

from driftwatch.domain.activity import ActorEvent
from driftwatch.domain.authorization.decide import decide
from driftwatch.domain.authorization.policy import Policy
from driftwatch.domain.change import ChangeRecord
from driftwatch.domain.decision import Decision, RuleOutcome, RuleResult
from driftwatch.domain.drift import Drift
from tests.builders import at, drift, event, policy, record, source

PASS, FAIL, UNKNOWN = RuleOutcome.PASS, RuleOutcome.FAIL, RuleOutcome.UNKNOWN
PENDING, NOT_APPLICABLE = RuleOutcome.PENDING, RuleOutcome.NOT_APPLICABLE

SECOND = timedelta(seconds=1)
BY_BOB = (event(),)
"""bob made the change at 10:30 on 10 March; without any event it was made between 10:00 and 11:00."""
UNDATED = ()


def decided(
    *records: ChangeRecord,
    events: Sequence[ActorEvent] = BY_BOB,
    drift_: Drift | None = None,
    now: str = "03-12 00:00",
    made: Policy | None = None,
    **more: Any,
) -> Decision:
    """The decision at `now`, with every change source read just then."""
    return decide(
        drift_ or drift(), events=events, records=list(records), sources=[source(now)], policy=made or policy(), now=at(now), **more
    )


def ask(rule: str, judged: ChangeRecord | None = None, **more: Any) -> RuleResult:
    """What the rule found about one record (a plain good one where none is given)."""
    decision = decided(judged or record(), **more)
    [found] = [result for result in decision.paths[0].considered[0].results if result.rule == rule]
    return found


def asked(judged: ChangeRecord, **more: Any) -> dict[str, RuleOutcome]:
    """What every rule that was asked found about one record."""
    return {result.rule: result.outcome for result in decided(judged, **more).paths[0].considered[0].results}


def rules(results: Sequence[RuleResult]) -> set[str]:
    return {result.rule for result in results}


def examples(count: int) -> settings:
    """So many examples where the loaded profile has hypothesis' own number, a hundred; less where it has less."""
    return settings(max_examples=max(1, count * settings.default.max_examples // 100), deadline=None)
