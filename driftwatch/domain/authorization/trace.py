"""A finding's life told as events, for cases of `kind: lifecycle`: which state and which verdicts they lead to (section 9.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from driftwatch.domain.authorization import lifecycle
from driftwatch.domain.authorization.passages import Step
from driftwatch.domain.baseline import Disposition
from driftwatch.domain.decision import Decision, Verdict
from driftwatch.domain.drift import Difference, Drift, DriftKind, Interval, Op
from driftwatch.domain.finding import LIVE, Finding, FindingState
from driftwatch.domain.resource import Cell, Json, Scope
from driftwatch.errors import InputError, RefusedError

DETECT: Final = "detect"
REDECIDE: Final = "redecide"
EVENTS: Final = (DETECT, REDECIDE, *(step.value for step in Step))
"""The words that an event can be."""
KEYS: Final[Mapping[str, frozenset[str]]] = {
    DETECT: frozenset({"verdict", "settled"}),
    REDECIDE: frozenset({"verdict", "settled"}),
    Step.BASELINE_ACTIVATED.value: frozenset({"disposition"}),
}
"""What an event may say besides its word."""

_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_CELL: Final = Cell(scope=Scope(account="111111111111", region="eu-west-1"), type="AWS::EC2::SecurityGroup")
_SOMEBODY: Final = "somebody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """Where the events led. `verdict_initial` is None as long as no settled decision was made."""

    state: FindingState
    verdict_initial: Verdict | None
    verdict_current: Verdict


def trace(events: Iterable[Mapping[str, Json]]) -> Traced:
    """The end of a finding to which these events happen, one after the other.

    Each is a map with the key `event` (one of `EVENTS`). `detect` and `redecide` name the `verdict` of a decision and may say
    ``settled: false`` (settled is the default); `baseline_activated` may say ``disposition: true``. The others say nothing more: the
    guards of `ratify` and of the exceptions, which ask for records and people, are taken as passed. The first event is a `detect`;
    after a finding closed, another `detect` opens a new one, of which the answer then tells. Raises InputError for an event that is none,
    and RefusedError for a step that the state does not allow.
    """
    finding: Finding | None = None
    for number, event in enumerate(events, start=1):
        finding = _after(finding, event, number)
    if finding is None:
        raise InputError("no events", expected=f"a list that begins with {{event: {DETECT}, verdict: ...}}")
    return Traced(state=finding.state, verdict_initial=finding.verdict_initial, verdict_current=finding.verdict_current)


def _after(finding: Finding | None, event: Mapping[str, Json], number: int) -> Finding:
    word = _word(event, number)
    now = _START + timedelta(hours=number)
    if word == DETECT:
        if finding is not None and finding.state in LIVE:
            raise RefusedError(f"event {number}: {DETECT} while a finding is {finding.state.value}; a resource has one live finding")
        return _detected(event, number, now)
    if finding is None:
        raise InputError(f"event {number} is {word}", expected=f"{DETECT} first")
    if word == REDECIDE:
        return lifecycle.redecided(finding, _decision(event, number, now), now, excepted_by=_SOMEBODY)
    step = Step(word)
    if step is Step.ACK:
        return lifecycle.ack(finding, _SOMEBODY, now)
    if step is Step.RATIFY:
        return lifecycle.ratify(finding, "a record", _SOMEBODY, now)
    if step is Step.BASELINE_ACTIVATED:
        disposed = Disposition(kind="risk_accepted", by=_SOMEBODY) if event.get("disposition") else None
        return lifecycle.baseline_activated(finding, now, disposition=disposed)
    if step is Step.EXCEPTION_GRANTED:
        return lifecycle.exception_granted(finding, "an exception", _SOMEBODY, now)
    return lifecycle.exception_expired(finding, now) if step is Step.EXCEPTION_EXPIRED else lifecycle.take(finding, step, now)


def _word(event: Mapping[str, Json], number: int) -> str:
    word = event.get("event")
    if not isinstance(word, str) or word not in EVENTS:
        raise InputError(f"event {number} is {word!r}", expected=f"one of {', '.join(EVENTS)}")
    if unknown := sorted(event.keys() - {"event"} - KEYS.get(word, frozenset())):
        raise InputError(
            f"event {number} ({word}) says {', '.join(unknown)}", expected=", ".join(sorted(KEYS.get(word, ()))) or "nothing more"
        )
    return word


def _detected(event: Mapping[str, Json], number: int, now: datetime) -> Finding:
    decision = _decision(event, number, now)
    return lifecycle.detect(
        id="the finding",
        baseline="a baseline",
        cell=_CELL,
        drift=_drift(now),
        before_fingerprint="before",
        after_fingerprint="after",
        decision=decision,
        now=now,
        excepted_by=_SOMEBODY,
    )


def _decision(event: Mapping[str, Json], number: int, now: datetime) -> Decision:
    verdict = next((item for item in Verdict if item.value == event.get("verdict")), None)
    if verdict is None:
        names = ", ".join(sorted(item.value for item in Verdict))
        raise InputError(f"event {number} has the verdict {event.get('verdict')!r}", expected=f"one of {names}")
    settled = event.get("settled", True)
    if not isinstance(settled, bool):
        raise InputError(f"event {number} has settled: {settled!r}", expected="true or false")
    return Decision(drift_id="a drift", verdict=verdict, paths=(), settled=settled, policy_version="", inputs_hash="", decided_at=now)


def _drift(now: datetime) -> Drift:
    return Drift(
        id="a drift",
        account=_CELL.account,
        region=_CELL.region,
        resource_type=_CELL.type,
        resource_id="a resource",
        kind=DriftKind.UPDATED,
        changes=(Difference(path="/Value", op=Op.REPLACE, before=1, after=2),),
        interval=Interval(last_good=None, detected=now),
    )
