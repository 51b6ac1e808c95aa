"""Clocks: what becomes due by itself is told once, and judged again without a scan (specification, sections 9.3, 9.4 and 12).

Reviews of emergency changes, the ends of exceptions, acknowledgements, and findings whose evidence has had its time to arrive. What is
due is looked up first; each finding is then read again inside the transaction that changes it, so that a scan may work beside this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from driftwatch.domain.authorization import clocks
from driftwatch.domain.authorization.clocks import Alert
from driftwatch.domain.authorization.policy import Policy
from driftwatch.domain.canonical import utc_text
from driftwatch.domain.decision import Verdict
from driftwatch.domain.exception import ExceptionState
from driftwatch.domain.finding import Finding, Standing
from driftwatch.domain.report import ClockStruck, Event, Report, silent
from driftwatch.domain.request import Lease
from driftwatch.operations import decisions, outbox
from driftwatch.operations.decisions import Decider, evidence
from driftwatch.operations.installation import Installation
from driftwatch.operations.policies import PolicyVersions
from driftwatch.ports import UnitOfWork

AT_ONCE: Final = 50
"""Findings in one transaction: a scan that runs beside this waits for its turn."""

Leased = Callable[[], Lease | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What is due now: findings and exceptions that give an alert, and findings that have to be judged again."""

    findings: tuple[str, ...] = ()
    exceptions: tuple[str, ...] = ()
    again: tuple[str, ...] = ()


def tick(
    installation: Installation, report: Report = silent, *, lease: Leased = lambda: None, settling_since: datetime | None = None
) -> Due:
    """Gives the alerts that are due, each once and with its ledger entry, and judges again what time alone has changed.

    To be called every minute or so, and after each scan. `lease` gives the scan's lease, where a scan calls this; `settling_since` is
    when this was last called without new evidence.
    """
    due = due_now(installation, settling_since)
    policies = PolicyVersions(installation.policy)
    for chunk in _chunks(due.findings):
        with installation.store.write(lease()) as uow:
            struck: list[Event] = [event for id_ in chunk if (event := _finding_struck(uow, installation, policies, id_))]
        _tell(struck, report)
    if due.exceptions:
        with installation.store.write(lease()) as uow:
            struck = [event for id_ in due.exceptions if (event := _exception_struck(uow, installation, id_))]
        _tell(struck, report)
    if due.again:
        decider = Decider(evidence(installation))
        for chunk in _chunks(due.again):
            with installation.store.write(lease()) as uow:
                struck = list(_judged_again(uow, installation, decider, chunk))
            _tell(struck, report)
    return due


def due_now(installation: Installation, settling_since: datetime | None = None) -> Due:
    """What is due, looked up without changing anything."""
    now, policies = installation.clock(), PolicyVersions(installation.policy)
    with installation.store.read() as uow:
        standings, unsettled = list(uow.findings.standings()), list(uow.findings.unsettled())
        approved = list(uow.exceptions.all((ExceptionState.ACTIVE,)))
        ended = [item.id for item in approved if item.expires_at is not None and item.expires_at <= now]
        lapsed = {effect.finding for effect in uow.findings.effects(ended) if effect.verdict is Verdict.EXCEPTED}

        def policy_of(standing: Standing) -> Policy:
            return policies.get(uow, standing.policy_version, installation.policy)

        alerts = {item.id: alert for item in standings if (alert := clocks.finding_alert(item, policy_of(item), now))}
        settling = {item.id for item in unsettled if clocks.settling_due(item, policy_of(item), now, settling_since)}
    missed = {item.id for item in standings if clocks.review_over(item, now)}
    missed |= {id_ for id_, alert in alerts.items() if alert.clock is clocks.Clock.REVIEW_100}
    return Due(
        findings=tuple(sorted(alerts)),
        exceptions=tuple(item.id for item in approved if clocks.exception_alert(item, now)),
        again=tuple(sorted(lapsed | settling | missed)),
    )


def standing_of(finding: Finding) -> Standing:
    """Where a finding stands, for the clocks."""
    return Standing(
        id=finding.id,
        baseline=finding.baseline,
        cell=finding.cell,
        resource=finding.resource,
        state=finding.state,
        verdict_current=finding.verdict_current,
        settled=finding.settled,
        policy_version=finding.policy_version,
        first_seen=finding.first_seen,
        due_at=finding.due_at,
        closed_at=finding.closed_at,
        handling=finding.handling,
    )


def _finding_struck(uow: UnitOfWork, installation: Installation, policies: PolicyVersions, id_: str) -> ClockStruck | None:
    finding, now = uow.findings.get(id_), installation.clock()
    if finding is None:
        return None
    policy = policies.get(uow, finding.policy_version, installation.policy)
    alert = clocks.finding_alert(standing_of(finding), policy, now)
    if alert is None:
        return None
    told = replace(finding, handling=replace(finding.handling, alerted=(*finding.handling.alerted, alert.clock.value)))
    outbox.save(uow, installation.routing, told, now)
    decisions.record(uow, "clock_struck", told, now, clock=alert.clock.value, due_at=utc_text(alert.due_at))
    return ClockStruck(alert=alert, finding=told)


def _exception_struck(uow: UnitOfWork, installation: Installation, id_: str) -> ClockStruck | None:
    exception, now = uow.exceptions.get(id_), installation.clock()
    alert: Alert | None = clocks.exception_alert(exception, now) if exception else None
    if exception is None or alert is None:
        return None
    told = replace(exception, alerted=(*exception.alerted, alert.clock.value))
    uow.exceptions.save(told)
    body = {"exception": told.id, "finding": told.finding, "clock": alert.clock.value, "due_at": utc_text(alert.due_at)}
    uow.ledger.append(now, "clock_struck", body)
    return ClockStruck(alert=alert, exception=told)


def _judged_again(uow: UnitOfWork, installation: Installation, decider: Decider, ids: Sequence[str]) -> Iterator[Event]:
    now: datetime = installation.clock()
    for id_ in ids:
        finding = uow.findings.get(id_)
        changed = decider.again(uow, finding, now) if finding else None
        if changed:
            yield changed


def _tell(events: Sequence[Event], report: Report) -> None:
    """Reports what happened, once the transaction is committed."""
    for event in events:
        report(event)


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE))
