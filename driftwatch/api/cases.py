"""One finding for one caller: what they may see of it and do about it, and what they looked at when they decide."""

from __future__ import annotations

from driftwatch.api.guard import Caller
from driftwatch.domain.access import Permission
from driftwatch.domain.canonical import encode, sha256_hex
from driftwatch.domain.finding import Finding
from driftwatch.domain.resource import Json
from driftwatch.errors import NotFoundError
from driftwatch.operations import findings
from driftwatch.operations.findings import Case


def case_for(caller: Caller, finding: str, permission: Permission = Permission.READ, action: str = "") -> Case:
    """The finding, for somebody who may read its account: to others it does not exist. Acting on it needs the permission there."""
    case = findings.case(caller.installation, finding)
    account = case.finding.cell.account
    if case.finding.id != finding or not caller.rights.allows(Permission.READ, (account,)):
        raise NotFoundError(f"no finding {finding}")
    if permission is not Permission.READ:
        caller.require(permission, (account,), action, finding)
    return case


def tag_of(finding: Finding) -> str:
    """What somebody who decides about a finding has looked at: not that it was seen again, but what it is and how it was judged."""
    looked_at: Json = [finding.id, finding.drift_version, finding.state.value, finding.verdict_current.value]
    return sha256_hex(encode(looked_at))[:32]
