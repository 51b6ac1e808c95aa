"""Approved but never happened: which parts of a change record had no observed effect.

A part is the smallest thing that a record names: one exact id and one attribute path of a target, as far as it gives them. It was
observed when a finding's drift, judged by this record, lies in it: also when that finding was reverted or entered a baseline since.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from driftwatch.domain.authorization.approvals import Approvals
from driftwatch.domain.authorization.identity import Identities
from driftwatch.domain.authorization.matching import covers, names_resource
from driftwatch.domain.authorization.policy import Policy
from driftwatch.domain.change import ChangeOutcome, ChangeRecord, ChangeState, Target
from driftwatch.domain.drift import Drift

_EXPECTED: Final = frozenset(
    {ChangeState.APPROVED, ChangeState.SCHEDULED, ChangeState.IMPLEMENTING, ChangeState.REVIEW, ChangeState.CLOSED}
)
_OVER: Final = frozenset({ChangeState.CANCELLED, ChangeState.REJECTED})


class Observed(StrEnum):
    NONE = "none"
    PART = "part"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a target names: its number in the record (from 1), and one of its ids and of its paths, None where it gives none."""

    target: int
    id: str | None
    path: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unobserved:
    """A record whose change was not seen, or only in part, and the parts that were not."""

    record: ChangeRecord
    observed: Observed
    missing: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A path of a drift on which a record had an effect."""

    drift: Drift
    path: str


def is_expected(record: ChangeRecord, policy: Policy, people: Identities, now: datetime) -> bool:
    """Whether the record's change should have been seen: it was approved (its state or its approvals say so), and not backed out again."""
    if record.outcome is ChangeOutcome.BACKED_OUT or record.state in _OVER or record.cancelled_at or record.rejected_at:
        return False
    approvals = Approvals(record=record, required=policy.approvals, people=people, now=now)
    return record.state in _EXPECTED or approvals.satisfied(now)


def unobserved(record: ChangeRecord, seen: Iterable[Seen], policy: Policy) -> Unobserved | None:
    """What of the record was not observed; None where all of it was."""
    effects = list(seen)
    parts = list(_parts(record.scope))
    missing = tuple(part for part in parts if not any(_lies_in(item, record.scope[part.target - 1], part, policy) for item in effects))
    if not missing and parts:
        return None
    return Unobserved(record=record, observed=Observed.PART if len(missing) < len(parts) else Observed.NONE, missing=missing)


def _parts(scope: Sequence[Target]) -> Iterator[Part]:
    for number, target in enumerate(scope, start=1):
        for id_ in target.ids or (None,):
            for path in target.attribute_paths or (None,):
                yield Part(target=number, id=id_, path=path)


def _lies_in(item: Seen, target: Target, part: Part, policy: Policy) -> bool:
    """Whether what was seen is covered by the target, narrowed to this part of it."""
    narrowed = replace(
        target,
        ids=target.ids if part.id is None else (part.id,),
        attribute_paths=target.attribute_paths if part.path is None else (part.path,),
    )
    return names_resource(narrowed, item.drift, policy) and covers(narrowed, item.path, item.drift, policy)
