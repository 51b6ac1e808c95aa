"""Baselines and their versions for one caller: what they may see of them and do about them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from driftwatch.api.guard import Caller
from driftwatch.api.paging import cursor_of, parts_of
from driftwatch.domain.access import Permission
from driftwatch.domain.authorization import reach
from driftwatch.domain.baseline import BaselineVersion
from driftwatch.domain.resource import Cell, Scope
from driftwatch.errors import NotFoundError
from driftwatch.operations import baseline_views


def configured(caller: Caller) -> frozenset[str]:
    return frozenset(pattern.name for pattern in caller.installation.baselines)


def accounts_of(caller: Caller, name: str, version: BaselineVersion | None = None) -> frozenset[str]:
    """The configured accounts that the baseline's patterns cover, and those of the cells that the version is about.

    A baseline that the configuration does not name, or that covers none of its accounts, may be about any of them.
    """
    known = frozenset(caller.installation.accounts)
    patterns = [pattern for pattern in caller.installation.baselines if pattern.name == name]
    covered = known.intersection(*(reach.of_globs(pattern.accounts, caller.installation.accounts) for pattern in patterns)) or known
    return covered | {cell.account for cell in _cells(version)} if version else covered


def may(caller: Caller, permission: Permission, name: str, version: BaselineVersion | None = None) -> bool:
    return caller.rights.allows(permission, accounts_of(caller, name, version))


def reader(caller: Caller) -> Callable[[Cell], bool]:
    """Whether they may read a cell, for very many of them: each account is looked up once."""
    account = cache(lambda account: caller.rights.allows(Permission.READ, (account,)))
    return lambda cell: account(cell.account)


def require(caller: Caller, permission: Permission, name: str, action: str) -> None:
    """Raises NotFoundError for a baseline that is not configured, or not for this person to see; RefusedError as `Caller.require`."""
    if name not in configured(caller) or not may(caller, Permission.READ, name):
        raise NotFoundError(f"no baseline is called {name}")
    caller.require(permission, accounts_of(caller, name), action, name)


def version_for(caller: Caller, version_id: str, permission: Permission = Permission.READ, action: str = "") -> BaselineVersion:
    """The version, for somebody who may read all accounts that it is about: to others it does not exist. Acting needs the permission."""
    version = baseline_views.version(caller.installation, version_id)
    if version is None or not may(caller, Permission.READ, version.name, version):
        raise NotFoundError(f"no baseline version {version_id}")
    if permission is not Permission.READ:
        caller.require(permission, accounts_of(caller, version.name, version), action, version_id)
    return version


def place_cursor(cell: Cell, id_: str) -> str:
    """Where a page of resources ended: after this one."""
    return cursor_of(cell.scope.partition, cell.account, cell.region, cell.type, id_)


def place(cursor: str | None) -> tuple[Cell, str] | None:
    """What `place_cursor` was made of."""
    parts = parts_of(cursor, 5)
    if parts is None:
        return None
    partition, account, region, type_, id_ = parts
    return Cell(scope=Scope(partition=partition, account=account, region=region), type=type_), id_


def _cells(version: BaselineVersion) -> list[Cell]:
    return [*(part.cell for part in version.cells), *(item.cell for item in version.omissions), *version.removed]
