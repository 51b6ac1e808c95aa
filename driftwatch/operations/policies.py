"""The policy in force: activated with a ledger entry, kept by version, and found again for a drift that was detected under it."""

from __future__ import annotations

from driftwatch.documents.loosening import expired_deviations
from driftwatch.documents.policies import policy_from_document
from driftwatch.domain.authorization.policy import Deviation, Policy
from driftwatch.errors import RefusedError
from driftwatch.operations.installation import Installation
from driftwatch.ports import UnitOfWork


def activate(installation: Installation) -> bool:
    """Puts the installation's policy in force unless it is already; True when it changed. Refused: see `refuse_expired`."""
    refuse_expired(installation)
    with installation.store.read() as uow:
        active = uow.policies.active()
    if active and active[0] == installation.policy.version:
        return False
    now = installation.clock()
    with installation.store.write() as uow:
        uow.policies.activate(installation.policy.version, installation.policy_document, now)
        uow.ledger.append(
            now,
            "policy_activated",
            {
                "version": installation.policy.version,
                "extends": installation.policy.extends,
                "former": active[0] if active else None,
                "deviations": [item.rule for item in installation.policy.deviations],
            },
        )
    return True


def expired(installation: Installation) -> tuple[Deviation, ...]:
    """The deviations of the installation's policy that are over today."""
    return expired_deviations(installation.policy, installation.clock().date())


def refuse_expired(installation: Installation) -> None:
    """Raises RefusedError for a policy with a deviation that is over, unless the policy in force has that very deviation.

    So nobody puts a loosening in force that is excused no more, and yet a date that passes, or a change of the people file, never stops
    a running installation.
    """
    over = expired(installation)
    if not over:
        return
    with installation.store.read() as uow:
        active = uow.policies.active()
    known = policy_from_document(active[1]).deviations if active else ()
    new = [item for item in over if item not in known]
    if new:
        named = ", ".join(f"{item.rule} (until {item.until})" for item in new)
        raise RefusedError(f"the policy loosens {named} by a deviation that is over: have it approved anew, or take the loosening back")


class PolicyVersions:
    """The policy that was in force when a drift was detected, by its version; each is parsed once."""

    def __init__(self, current: Policy) -> None:
        self._known = {current.version: current}

    def get(self, uow: UnitOfWork, version: str, default: Policy) -> Policy:
        if version not in self._known:
            document = uow.policies.get(version)
            self._known[version] = policy_from_document(document) if document is not None else default
        return self._known[version]
