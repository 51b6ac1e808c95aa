"""Reach: the accounts that globs and scopes can touch; where nothing narrows them, every known one.

This decides who may see a change record and act on it, so that whatever is not sure counts as touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from driftwatch.domain.authorization.glob import glob_matches, is_exact
from driftwatch.domain.change import Target

_BEFORE_THE_ACCOUNT: Final = {"arn": 4, "driftwatch": 2}
"""Segments of a resource_id that come before its account."""


def of_globs(patterns: Iterable[str], known: Sequence[str]) -> frozenset[str]:
    """The known accounts that match, and those that are named outright; where that is nobody's account, all that are known."""
    given = tuple(patterns)
    named = {pattern for pattern in given if is_exact(pattern)}
    return frozenset(named.union(account for account in known if any(glob_matches(pattern, account) for pattern in given)) or known)


def of_scope(scope: Iterable[Target], known: Sequence[str]) -> frozenset[str]:
    """The accounts in which a change of this scope may happen. One without a target does not say: all that are known."""
    return frozenset().union(*(_of_target(target, known) for target in scope)) or frozenset(known)


def _of_target(target: Target, known: Sequence[str]) -> frozenset[str]:
    if target.accounts is not None:
        return of_globs(target.accounts, known)
    named = [_account_of(pattern) for pattern in target.ids or ()]
    exact = frozenset(account for account in named if account)
    return exact if named and len(exact) == len(set(named)) else frozenset(known)


def _account_of(pattern: str) -> str | None:
    """The account of every resource whose resource_id the pattern matches; None: it may lie in any.

    A wildcard before the account may stand for colons as well: it says nothing about the account.
    """
    kind, *segments = pattern.split(":")
    before = _BEFORE_THE_ACCOUNT.get(kind, 0)
    if not before or len(segments) < before:
        return None
    account = segments[before - 1]
    return account if account and all(is_exact(segment) for segment in segments[:before]) else None
