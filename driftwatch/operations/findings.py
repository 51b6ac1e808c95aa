"""Findings: listed, shown, and explained in words."""

from __future__ import annotations

from dataclasses import dataclass

from driftwatch.domain.finding import LIVE, Finding, FindingState
from driftwatch.domain.resource import Json
from driftwatch.errors import NotFoundError
from driftwatch.operations.installation import Installation


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A finding with every decision that was made about it, oldest first."""

    finding: Finding
    decisions: tuple[Json, ...]


def listed(installation: Installation, states: tuple[FindingState, ...] = tuple(LIVE)) -> list[Finding]:
    """Findings in these states, the most recent first."""
    with installation.store.read() as uow:
        return sorted(uow.findings.all(states), key=lambda finding: (finding.first_seen, finding.id), reverse=True)


def case(installation: Installation, finding_id: str) -> Case:
    """A finding by its id or an unambiguous beginning of it."""
    with installation.store.read() as uow:
        finding = uow.findings.get(finding_id) or _by_prefix(list(uow.findings.all()), finding_id)
        return Case(finding=finding, decisions=tuple(uow.findings.decisions(finding.id)))


def _by_prefix(findings: list[Finding], prefix: str) -> Finding:
    matching = [finding for finding in findings if finding.id.startswith(prefix)]
    if len(matching) != 1:
        raise NotFoundError(
            f"{len(matching)} findings begin with {prefix!r}" if matching else f"no finding {prefix}; `driftwatch findings list` names them"
        )
    return matching[0]
