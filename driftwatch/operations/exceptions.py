"""Exceptions: asked for by one person, approved by another, bound to the content that was looked at, and ended.

What an exception excuses is judged again in the transaction that changes it: no scan is needed for a finding to become excepted or open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from driftwatch.documents.tree import shown
from driftwatch.domain import pointer
from driftwatch.domain.authorization import exception_lifecycle as rules
from driftwatch.domain.authorization.exception_lifecycle import content_hash
from driftwatch.domain.authorization.identity import Identities
from driftwatch.domain.authorization.matching import names_resource, paths_cover
from driftwatch.domain.baseline import Actor
from driftwatch.domain.canonical import utc_text
from driftwatch.domain.change import Target
from driftwatch.domain.codec import decode, encode
from driftwatch.domain.decision import UNCOVERED, Decision, Verdict
from driftwatch.domain.exception import ExceptionRecord, ExceptionState
from driftwatch.domain.finding import LIVE, Finding, FindingState
from driftwatch.domain.report import FindingChanged, Report, silent
from driftwatch.domain.resource import Json
from driftwatch.errors import InputError, NotFoundError, RefusedError
from driftwatch.operations import attribution
from driftwatch.operations.decisions import Decider, evidence_in
from driftwatch.operations.denials import denials
from driftwatch.operations.findings import finding_of, require_assurance
from driftwatch.operations.installation import Installation
from driftwatch.ports import UnitOfWork

_OPEN = frozenset({FindingState.OPEN, FindingState.ACKNOWLEDGED})
_MAY_BE_EXCEPTED = _OPEN | {FindingState.EXCEPTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Excepted:
    """An exception as it stands after an act, and the findings that changed by it."""

    exception: ExceptionRecord
    changed: tuple[Finding, ...] = ()


def listed(installation: Installation, states: Sequence[ExceptionState] = ()) -> list[ExceptionRecord]:
    """Every exception in one of the states (none given: all), the one that ends first first."""
    with installation.store.read() as uow:
        return sorted(uow.exceptions.all(states), key=lambda item: (item.expires_at or item.starts_at, item.id))


def get(installation: Installation, exception_id: str) -> ExceptionRecord:
    with installation.store.read() as uow:
        return _exception(uow, exception_id)


def request(
    installation: Installation, finding_id: str, actor: Actor, *, until: datetime, reason: str, paths: Sequence[str] = ()
) -> ExceptionRecord:
    """Asks that the state of one finding be excused up to before `until` (UTC): its uncovered paths, or those of them that are named.

    It is in force once somebody else approved it. Raises InputError for a path that is no pointer, and RefusedError for a finding that
    needs none, a path that it does not have, and an end that is past or further away than the policy allows. Renewing an exception is
    asking again.
    """
    _refuse_no_pointers(paths)
    with denials(installation, "finding_except", finding_id, actor), installation.store.write() as uow:
        now = installation.clock()
        finding = finding_of(uow, finding_id)
        if finding.state not in _MAY_BE_EXCEPTED and not (finding.state in LIVE and finding.handling.exception):
            raise RefusedError(f"the finding {finding.id} is {finding.state.value}: an exception excuses one that is open")
        exception = ExceptionRecord(
            id=installation.new_id("exception"),
            requested_by=actor.person,
            reason=reason.strip(),
            scope=(_target(uow, finding, paths),),
            starts_at=now,
            expires_at=until,
            state=ExceptionState.REQUESTED,
            requested_at=now,
            finding=finding.id,
        )
        rules.check_request(exception, installation.policy, now)
        uow.exceptions.save(exception)
        record_act(uow, "exception_requested", exception, actor, now)
        return exception


def approve(installation: Installation, exception_id: str, actor: Actor, *, seen_hash: str, report: Report = silent) -> Excepted:
    """Puts an exception in force, and judges what it excuses again.

    Raises RefusedError when the approver asked for it or made the change, when the content is another one than was looked at, when it is
    not requested any more, and when its end has come.
    """
    with denials(installation, "exception_approve", exception_id, actor), installation.store.write() as uow:
        require_assurance(installation, actor)
        now = installation.clock()
        asked = _exception(uow, exception_id)
        actors = made_by(uow, installation, asked)
        policy = installation.policy
        exception = rules.approve(asked, actor.person, seen_hash=seen_hash, policy=policy, now=now, actors=actors)
        uow.exceptions.save(exception)
        record_act(uow, "exception_approved", exception, actor, now)
        changes = _judge_again(uow, installation, exception, now)
    return _told(exception, changes, report)


def refusal(installation: Installation, exception: ExceptionRecord, actor: Actor) -> str | None:
    """Why this person cannot approve it as it stands; None where they can."""
    try:
        require_assurance(installation, actor)
        with installation.store.read() as uow:
            makers = made_by(uow, installation, exception)
        seen = content_hash(exception)
        rules.approve(exception, actor.person, seen_hash=seen, policy=installation.policy, now=installation.clock(), actors=makers)
    except RefusedError as refused:
        return str(refused)
    return None


def made_by(uow: UnitOfWork, installation: Installation, exception: ExceptionRecord) -> tuple[str, ...]:
    """The people who made the change that the exception would excuse, as the log says."""
    finding = uow.findings.get(exception.finding) if exception.finding else None
    if finding is None:
        return ()
    policy = installation.policy
    return attribution.humans(attribution.writers(uow, finding.drift, policy, Identities(policy.context), installation.clock()))


def reject(installation: Installation, exception_id: str, actor: Actor, reason: str) -> ExceptionRecord:
    """Turns a request down; one's own is taken back by that. Raises RefusedError unless it is requested."""
    with denials(installation, "exception_reject", exception_id, actor), installation.store.write() as uow:
        now = installation.clock()
        exception = rules.reject(_exception(uow, exception_id), actor.person, now)
        uow.exceptions.save(exception)
        record_act(uow, "exception_rejected", exception, actor, now, why=reason)
        return exception


def revoke(installation: Installation, exception_id: str, actor: Actor, reason: str, report: Report = silent) -> Excepted:
    """Ends an active exception before its time; what it excused is open again. Raises RefusedError unless it is active."""
    with denials(installation, "exception_revoke", exception_id, actor), installation.store.write() as uow:
        now = installation.clock()
        exception = rules.revoke(_exception(uow, exception_id), actor.person, now)
        uow.exceptions.save(exception)
        record_act(uow, "exception_revoked", exception, actor, now, why=reason)
        changes = _judge_again(uow, installation, exception, now)
    return _told(exception, changes, report)


def record_act(uow: UnitOfWork, what: str, exception: ExceptionRecord, actor: Actor, now: datetime, **more: Json) -> None:
    """The ledger entry for an act on an exception: all that it says, its hash, and who did it."""
    body = {
        "exception": exception.id,
        "content_hash": content_hash(exception),
        "state": exception.state.value,
        "requested_by": exception.requested_by,
        "reason": exception.reason,
        "scope": encode(exception.scope),
        "starts_at": utc_text(exception.starts_at),
        "expires_at": utc_text(exception.expires_at) if exception.expires_at else None,
        "finding": exception.finding,
        "person": actor.person,
        "method": actor.method.value,
        "assurance": actor.assurance.value,
    }
    uow.ledger.append(now, what, body | more)


def _refuse_no_pointers(paths: Sequence[str]) -> None:
    for path in paths:
        try:
            pointer.split_pattern(path)
        except ValueError as error:
            raise InputError(f"the path {shown(path)}", expected='a path that starts with /, or "" for the whole resource') from error


def _target(uow: UnitOfWork, finding: Finding, wanted: Sequence[str]) -> Target:
    """Exactly the paths of this resource that no record covers; of those, the wanted ones."""
    decision = decode(Decision, uow.findings.decisions(finding.id)[-1])
    excused = UNCOVERED if finding.state in _OPEN else UNCOVERED | {Verdict.EXCEPTED}
    paths = [path.path for path in decision.paths if path.verdict in excused]
    if not paths:
        raise RefusedError(f"the finding {finding.id} is {finding.verdict_current.value}: nothing of it needs an exception")
    if unknown := [path for path in wanted if not any(paths_cover((path,), known) for known in paths)]:
        known = ", ".join(path or "(the whole resource)" for path in paths)
        raise RefusedError(f"{', '.join(unknown)} is no uncovered path of {finding.id}; those are {known}")
    kept = tuple(path for path in paths if not wanted or paths_cover(wanted, path))
    return Target(accounts=(finding.cell.account,), resource_types=(finding.cell.type,), ids=(finding.resource_id,), attribute_paths=kept)


def _judge_again(uow: UnitOfWork, installation: Installation, exception: ExceptionRecord, now: datetime) -> list[FindingChanged]:
    decider = Decider(evidence_in(uow, installation))
    changes = (decider.again(uow, finding, now) for finding in _covered(uow, installation, exception))
    return [change for change in changes if change]


def _covered(uow: UnitOfWork, installation: Installation, exception: ExceptionRecord) -> list[Finding]:
    """The live findings that the exception may excuse, or excused when they were last judged."""
    return [
        finding
        for finding in uow.findings.all(tuple(_MAY_BE_EXCEPTED | {FindingState.AWAITING_BASELINE}))
        if any(names_resource(target, finding.drift, installation.policy) for target in exception.scope)
    ]


def _told(exception: ExceptionRecord, changes: Sequence[FindingChanged], report: Report) -> Excepted:
    for change in changes:
        report(change)
    return Excepted(exception=exception, changed=tuple(change.finding for change in changes))


def _exception(uow: UnitOfWork, exception_id: str) -> ExceptionRecord:
    exception = uow.exceptions.get(exception_id)
    if exception is None:
        raise NotFoundError(f"no exception {exception_id}; `driftwatch findings exceptions list` names them")
    return exception
