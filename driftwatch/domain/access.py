"""Access: who may do what through the product listener, by account; whatever no grant allows is denied.

The roles are about driftwatch itself. Whether somebody may approve a certain change or baseline is decided by the policy's rules besides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final


class Role(StrEnum):
    VIEWER = "viewer"
    """Sees what was found."""
    OPERATOR = "operator"
    """Has it look again, and deals with findings: scans, refreshes, proposals, change records, acknowledgements."""
    APPROVER = "approver"
    """Decides: approves and rejects what others proposed."""
    AUDITOR = "auditor"
    """Sees everything, and changes nothing."""
    ADMIN = "admin"
    """Everything; still nobody's own work is theirs to approve."""


class Permission(StrEnum):
    READ = "read"
    OPERATE = "operate"
    APPROVE = "approve"
    AUDIT = "audit"
    """The ledger and its proofs, the log of calls, who was denied what."""
    ADMINISTER = "administer"
    """Other people's tokens and sessions."""


_ALLOWED: Final = {
    Role.VIEWER: frozenset({Permission.READ}),
    Role.OPERATOR: frozenset({Permission.READ, Permission.OPERATE}),
    Role.APPROVER: frozenset({Permission.READ, Permission.OPERATE, Permission.APPROVE}),
    Role.AUDITOR: frozenset({Permission.READ, Permission.AUDIT}),
    Role.ADMIN: frozenset(Permission),
}
EVERYWHERE: Final = ("*",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A role, given to people and groups (``group:<name>``; ``*`` is everybody who signed in), in the accounts that a glob matches."""

    role: Role
    to: tuple[str, ...]
    accounts: tuple[str, ...] = EVERYWHERE


@dataclass(frozen=True, slots=True)
class Rights:
    """What one person may do."""

    grants: tuple[Grant, ...] = ()

    def allows(self, permission: Permission, accounts: Iterable[str] = ()) -> bool:
        """Whether the person has the permission in every one of these accounts; without any, whether somewhere."""
        having = [grant for grant in self.grants if permission in _ALLOWED[grant.role]]
        wanted = tuple(accounts)
        if not wanted:
            return bool(having)
        return all(any(_covers(grant, account) for grant in having) for account in wanted)

    def accounts(self, permission: Permission, known: Sequence[str]) -> tuple[str, ...]:
        """Those of the known accounts in which the person has the permission."""
        return tuple(account for account in known if self.allows(permission, (account,)))

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles, in the order of their names, each once."""
        return tuple(sorted({grant.role for grant in self.grants}))


def rights_of(person: str, groups: Iterable[str], grants: Iterable[Grant]) -> Rights:
    """What the grants give to a person of these groups."""
    names = {person, "*", *(f"group:{group}" for group in groups)}
    return Rights(tuple(grant for grant in grants if not names.isdisjoint(grant.to)))


def _covers(grant: Grant, account: str) -> bool:
    return any(fnmatchcase(account, glob) for glob in grant.accounts)
