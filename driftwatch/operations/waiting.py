"""What waits for one person: what they may approve and did not ask for, and the findings that they took on or that are late.

Everything is bounded: of more than is looked into nobody needs the number, and the lists themselves have all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Final, TypeVar

from driftwatch.domain.authorization import exception_lifecycle, reach
from driftwatch.domain.authorization.identity import Identities
from driftwatch.domain.authorization.register_rules import RegisterRules
from driftwatch.domain.baseline import Actor, BaselineVersion
from driftwatch.domain.change import ChangeRecord, ChangeState
from driftwatch.domain.exception import ExceptionRecord, ExceptionState
from driftwatch.domain.finding import Finding, FindingState
from driftwatch.domain.selection import FindingSelection
from driftwatch.errors import RefusedError
from driftwatch.operations import exceptions
from driftwatch.operations.baseline_views import Head
from driftwatch.operations.installation import Installation
from driftwatch.ports import UnitOfWork

LOOKED_INTO: Final = 100
"""Of each kind."""
SHOWN: Final = 10
"""Of each kind; one more tells that there are more."""

T = TypeVar("T")
Decides = Callable[[Iterable[str]], bool]
"""Whether the person may approve in all of these accounts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits for somebody. Each has `SHOWN` and one more at most."""

    proposals: tuple[BaselineVersion, ...] = ()
    records: tuple[ChangeRecord, ...] = ()
    exceptions: tuple[ExceptionRecord, ...] = ()
    taken_on: tuple[Finding, ...] = ()
    late: tuple[Finding, ...] = ()
    reviews: tuple[Finding, ...] = ()


def for_person(
    installation: Installation,
    actor: Actor,
    decides: Decides,
    proposed: Sequence[Head],
    accounts: tuple[str, ...] | None,
    *,
    operates: bool,
) -> Waiting:
    """What waits for this person. `proposed` are the baselines that they decide about, `accounts` those that they may read (None: all)."""
    people = Identities(installation.policy.context)
    with installation.store.read() as uow:
        return Waiting(
            proposals=_some(version for head in proposed for version in head.waiting if _undecided(people, version, actor.person)),
            records=_some(_records(uow, installation, actor, people, decides)),
            exceptions=_some(_exceptions(uow, installation, actor, decides)),
            taken_on=_some(_taken_on(uow, actor.person, accounts)),
            late=_some(_late(uow, installation, accounts)) if operates else (),
            reviews=_some(_in_state(uow, FindingState.PENDING_REVIEW, accounts)) if operates else (),
        )


def _some(found: Iterable[T]) -> tuple[T, ...]:
    return tuple(islice(found, SHOWN + 1))


def _undecided(people: Identities, version: BaselineVersion, person: str) -> bool:
    """Whether the person neither proposed this content nor decided about it."""
    me = people.resolve(person)
    decided = (item.who for item in version.approvals if item.content_hash == version.content_hash)
    return me not in {people.resolve(who) for who in (version.author, *decided)}


def _records(uow: UnitOfWork, installation: Installation, actor: Actor, people: Identities, decides: Decides) -> Iterator[ChangeRecord]:
    """Records of the register that wait for an approval which this person may give; other sources' are decided elsewhere."""
    if installation.register is None:
        return
    rules = RegisterRules(policy=installation.policy, people=people, now=installation.clock())
    for record in uow.register.page(installation.register, (ChangeState.REQUESTED,), None, LOOKED_INTO):
        changed = record.material_changed_at or record.created_at
        done = {people.resolve(item.who) for item in record.approvals if item.at >= changed}
        may = decides(reach.of_scope(record.scope, installation.accounts)) and people.resolve(actor.person) not in done
        if may and _allowed(partial(rules.approve, record, actor)):
            yield record


def _exceptions(uow: UnitOfWork, installation: Installation, actor: Actor, decides: Decides) -> Iterator[ExceptionRecord]:
    now, policy = installation.clock(), installation.policy
    for item in islice(uow.exceptions.all((ExceptionState.REQUESTED,)), LOOKED_INTO):
        if not decides(reach.of_scope(item.scope, installation.accounts)):
            continue
        digest, made_by = exception_lifecycle.content_hash(item), exceptions.made_by(uow, installation, item)
        act = partial(exception_lifecycle.approve, item, actor.person, seen_hash=digest, policy=policy, now=now, actors=made_by)
        if _allowed(act):
            yield item


def _allowed(act: Callable[[], object]) -> bool:
    """Whether the rules let it happen; the act itself writes nothing."""
    try:
        act()
    except RefusedError:
        return False
    return True


def _taken_on(uow: UnitOfWork, person: str, accounts: tuple[str, ...] | None) -> Iterator[Finding]:
    for finding in _in_state(uow, FindingState.ACKNOWLEDGED, accounts):
        if finding.handling.acknowledged_by == person:
            yield finding


def _in_state(uow: UnitOfWork, state: FindingState, accounts: tuple[str, ...] | None) -> Iterator[Finding]:
    yield from uow.findings.page(FindingSelection(states=(state,), accounts=accounts), None, LOOKED_INTO)


def _late(uow: UnitOfWork, installation: Installation, accounts: tuple[str, ...] | None) -> Iterator[Finding]:
    """Those that nobody acknowledged within the time that the policy sets for that."""
    until = installation.clock() - timedelta(hours=installation.policy.acknowledge_target_h)
    yield from uow.findings.page(FindingSelection(states=(FindingState.OPEN,), until=until, accounts=accounts), None, SHOWN + 1)
