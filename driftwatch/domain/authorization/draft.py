"""The smallest Target that covers a drift: what somebody asks for who wants exactly this change to be allowed, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from driftwatch.domain.authorization.glob import is_exact
from driftwatch.domain.authorization.matching import operation_of
from driftwatch.domain.change import Expectation, Target
from driftwatch.domain.drift import Difference, Drift, DriftKind, Op
from driftwatch.domain.normalize import SECRET_MARK
from driftwatch.domain.pointer import join, split
from driftwatch.domain.resource import Json
from driftwatch.errors import RefusedError

_MOST_DIGITS: Final = 18
"""Longer numbers cannot be written in a change record."""


def target_for(drift: Drift) -> Target:
    """The resource by its exact id, the one operation, the exact paths, and the values that are there now where nothing hides them.

    Raises RefusedError for a resource whose id holds * or ?: no pattern would name it alone.
    """
    operation = operation_of(drift)
    whole = operation is not DriftKind.UPDATED
    return Target(
        accounts=(drift.account,),
        regions=(drift.region,),
        resource_types=(drift.resource_type,),
        ids=(_exact_id(drift),),
        operations=(operation,),
        attribute_paths=None if whole else tuple(change.path for change in drift.changes),
        expected=tuple(expectation for change in drift.changes for expectation in _expected(change, drift.kind)),
    )


def _exact_id(drift: Drift) -> str:
    """Without a colon an id is compared as it is; with one it is a pattern, and has to be free of wildcards."""
    if is_exact(drift.resource_id) and ":" in drift.resource_id:
        return drift.resource_id
    if drift.resource and ":" not in drift.resource:
        return drift.resource
    raise RefusedError(f"{drift.resource_id} holds * or ?, which stand for other text in a change record: nothing names it alone")


def _expected(change: Difference, kind: DriftKind) -> Iterator[Expectation]:
    if kind in (DriftKind.DELETED, DriftKind.TRANSIENT):  # nothing is there to be compared
        return
    if change.op is Op.REMOVE:
        yield Expectation(path=change.path, absent=True)
    else:
        yield from _plain(split(change.path), change.after)


def _plain(path: tuple[str, ...], value: Json) -> Iterator[Expectation]:
    """The value as a whole where it can be written down; else what can be, member by member. A whole resource always so: its tags are
    compared beside its configuration."""
    if path and _writable(value):
        yield Expectation(path=join(path), equals=value, equals_given=True)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _plain((*path, name), item)


def _writable(value: Json) -> bool:
    if isinstance(value, dict):
        return all(_writable(item) for item in value.values())
    if isinstance(value, list):
        return all(_writable(item) for item in value)
    if isinstance(value, str):
        return not value.startswith(SECRET_MARK)
    return isinstance(value, bool) or value is None or len(str(abs(value))) <= _MOST_DIGITS
