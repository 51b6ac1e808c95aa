"""The built-in change register: records made, requested, approved, started and closed by identified people.

Every act is one transaction: the record as it is then, and the ledger entry that says who did it, how that person was identified, and
which content it was about. A denied attempt is an entry, too. The rules themselves are `domain.authorization.register_rules`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from driftwatch.domain.authorization.identity import Identities
from driftwatch.domain.authorization.register_rules import RegisterRules, content_hash
from driftwatch.domain.baseline import Actor
from driftwatch.domain.canonical import canonical_json, sha256_hex
from driftwatch.domain.change import ApprovalKind, ChangeOutcome, ChangeRecord, ChangeState, ReviewDecision
from driftwatch.domain.codec import encode
from driftwatch.domain.resource import Json
from driftwatch.errors import InputError, NotFoundError, RefusedError
from driftwatch.operations.denials import denials
from driftwatch.operations.installation import Installation
from driftwatch.ports import UnitOfWork

Change = Callable[[RegisterRules, ChangeRecord], ChangeRecord]
FEWEST_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A record as the register holds it, with the hash that an approval names, and what is still missing or worth knowing."""

    record: ChangeRecord
    content_hash: str
    notes: tuple[str, ...] = ()


def new(installation: Installation, record: ChangeRecord, actor: Actor) -> Held:
    """Makes a draft. Whoever makes it is its requester, now; raises RefusedError for an id that is taken, here or in another source."""
    source = _name(installation)
    action = "change_created"
    with denials(installation, action, record.id, actor), installation.store.write() as uow:
        known = uow.changes.get(record.id)
        if uow.register.get(record.id) or known:
            holder = known.source if known else source
            raise RefusedError(f"{holder} holds a record {record.id} already: two records with one id would be taken for one another")
        rules = _rules(installation)
        made = _sealed(replace(rules.draft(record, actor.person), source=source))
        uow.register.save(made, 1, rules.now)
        _record(uow, rules, action, made, actor, None)
    return held(installation, made)


def amend(installation: Installation, record_id: str, wanted: Callable[[ChangeRecord], ChangeRecord], actor: Actor) -> Held:
    """Changes the material; `wanted` makes the new record from the present one. What was requested already has to be approved again."""
    return _act(installation, "change_amended", record_id, actor, lambda rules, now: rules.amend(now, wanted(now), actor.person))


def request(installation: Installation, record_id: str, actor: Actor) -> Held:
    """Puts a draft up for approval."""
    return _act(installation, "change_requested", record_id, actor, lambda rules, now: rules.request(now, actor.person))


def approve(installation: Installation, record_id: str, actor: Actor, *, seen_hash: str, kind: ApprovalKind = ApprovalKind.CHANGE) -> Held:
    """Approves the content whose hash (12 digits or more of it) the approver saw; raises RefusedError when it is another one by now."""

    def step(rules: RegisterRules, now: ChangeRecord) -> ChangeRecord:
        _refuse_other_content(now, seen_hash)
        return rules.approve(now, actor, kind)

    return _act(installation, "change_approved", record_id, actor, step, kind=kind.value)


def reject(installation: Installation, record_id: str, actor: Actor, reason: str) -> Held:
    """Rejects the record for good."""
    return _act(installation, "change_rejected", record_id, actor, lambda rules, now: rules.reject(now, actor.person), reason=reason)


def review(installation: Installation, record_id: str, actor: Actor, decision: ReviewDecision, *, seen_hash: str) -> Held:
    """A peer's review of the content that was seen."""

    def step(rules: RegisterRules, now: ChangeRecord) -> ChangeRecord:
        _refuse_other_content(now, seen_hash)
        return rules.review(now, actor.person, decision)

    return _act(installation, "change_reviewed", record_id, actor, step, decision=decision.value)


def start(installation: Installation, record_id: str, actor: Actor) -> Held:
    """The work begins."""
    return _act(installation, "change_started", record_id, actor, lambda rules, now: rules.start(now, actor.person))


def close(installation: Installation, record_id: str, actor: Actor, outcome: ChangeOutcome) -> Held:
    """The work is over."""

    def step(rules: RegisterRules, now: ChangeRecord) -> ChangeRecord:
        return rules.close(now, actor.person, outcome)

    return _act(installation, "change_closed", record_id, actor, step, outcome=outcome.value)


def cancel(installation: Installation, record_id: str, actor: Actor, reason: str) -> Held:
    """The record is taken back before the work began."""
    return _act(installation, "change_cancelled", record_id, actor, lambda rules, now: rules.cancel(now, actor.person), reason=reason)


def get(installation: Installation, record_id: str) -> Held:
    """A record of the register as it stands; raises NotFoundError for one that it does not hold."""
    with installation.store.read() as uow:
        return held(installation, _find(uow, record_id)[0])


def held(installation: Installation, record: ChangeRecord) -> Held:
    """The record with its content hash, and notes on what it still lacks under the policy in force."""
    notes: list[str] = []
    if record.state is ChangeState.REQUESTED:
        notes += _rules(installation).missing(record)
    if record.material_changed_at and record.approvals:
        notes.append("its content was changed after it was requested: approvals from before were for something else (R16)")
    return Held(record=record, content_hash=content_hash(record), notes=tuple(notes))


def _act(installation: Installation, action: str, record_id: str, actor: Actor, change: Change, **more: str) -> Held:
    _name(installation)
    with denials(installation, action, record_id, actor), installation.store.write() as uow:
        before, revision = _find(uow, record_id)
        rules = _rules(installation)
        made = _sealed(change(rules, before))
        uow.register.save(made, revision + 1, rules.now)
        _record(uow, rules, action, made, actor, before.state, **more)
    return held(installation, made)


def _find(uow: UnitOfWork, record_id: str) -> tuple[ChangeRecord, int]:
    found = uow.register.get(record_id)
    if found is None:
        elsewhere = uow.changes.get(record_id)
        if elsewhere:
            raise NotFoundError(f"{record_id} is a record of the source {elsewhere.source}, which decides about it; the register has none")
        raise NotFoundError(f"the register holds no record {record_id}; `driftwatch changes list` names those that are known")
    return found


def _rules(installation: Installation) -> RegisterRules:
    return RegisterRules(policy=installation.policy, people=Identities(installation.policy.context), now=installation.clock())


def _name(installation: Installation) -> str:
    """The name of the source that shows the register to scans; without it a record would allow nothing."""
    if installation.register is None:
        remedy = "`- {name: register, kind: register}` among the change_sources of driftwatch.yaml, so that scans see what it holds"
        raise InputError("no change register is configured", expected=remedy)
    return installation.register


def _sealed(record: ChangeRecord) -> ChangeRecord:
    """With the hash of everything that it says, as every source's records have."""
    bare = replace(record, raw_hash=None)
    return replace(bare, raw_hash=sha256_hex(canonical_json(encode(bare))))


def _refuse_other_content(record: ChangeRecord, seen_hash: str) -> None:
    present = content_hash(record)
    if len(seen_hash) < FEWEST_DIGITS or not present.startswith(seen_hash.lower()):
        raise RefusedError(
            f"{record.id} has the content hash {present}, not {seen_hash or '(none given)'}: a decision is bound to the content that was "
            f"looked at; see `driftwatch changes show {record.id}`"
        )


def _record(
    uow: UnitOfWork, rules: RegisterRules, action: str, record: ChangeRecord, actor: Actor, former: ChangeState | None, **more: Json
) -> None:
    body = {
        "record": record.id,
        "former": former.value if former else None,
        "state": record.state.value,
        "content_hash": content_hash(record),
        "record_hash": record.raw_hash,
        "person": actor.person,
        "method": actor.method.value,
        "assurance": actor.assurance.value,
    }
    uow.ledger.append(rules.now, action, body | more)
