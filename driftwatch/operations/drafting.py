"""Drafting what a change record covers: from a finding, or from a Terraform plan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from driftwatch.documents.reader import read_file
from driftwatch.documents.targets import target_document
from driftwatch.documents.terraform_map import load
from driftwatch.documents.terraform_plan import LIMITS, read_plan
from driftwatch.documents.terraform_targets import lines, plan_scope
from driftwatch.domain.authorization.decide import relevant
from driftwatch.domain.authorization.draft import target_for
from driftwatch.domain.canonical import utc_text
from driftwatch.domain.resource import Json
from driftwatch.errors import InputError, Place, RefusedError
from driftwatch.operations import findings
from driftwatch.operations.installation import Installation


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """A scope as a record file writes it, a title that says where it comes from, and what a person should know of it."""

    title: str
    scope: tuple[Json, ...]
    notes: tuple[str, ...] = ()


def from_finding(installation: Installation, finding_id: str) -> Drafted:
    """The smallest scope that covers the finding's drift, without what the policy ignores."""
    finding = findings.case(installation, finding_id).finding
    kept, _ = relevant(finding.drift, installation.policy)
    if kept is None:
        raise RefusedError(f"the policy ignores everything that {finding.id} is about: there is nothing to cover")
    detected = utc_text(finding.drift.interval.detected)
    note = f"the change was seen at {detected} already: a normal record that is approved later does not authorise it, but can ratify it"
    named = finding.drift.label or finding.drift.resource or finding.resource_id
    return Drafted(
        title=f"{kept.kind.value.capitalize()} {named} ({finding.cell.type}), finding {finding.id}",
        scope=(target_document(target_for(kept)),),
        notes=(note,),
    )


def from_plan(installation: Installation, path: Path, account: str | None = None) -> Drafted:
    """The scope of a Terraform plan (``terraform show -json``). `account` is where it is applied; where only one is watched, that one.

    Raises InputError for what is no plan, and for a plan of which nothing can be covered.
    """
    changes = read_plan(read_file(path, LIMITS.size), str(path))
    only = installation.accounts[0] if len(installation.accounts) == 1 else None
    scope = plan_scope(changes, load(), account or only)
    notes = tuple(lines(scope))
    if not scope.targets:
        raise InputError(
            "a plan of which no target can be made" if changes else "a plan that changes nothing",
            expected="a change of resources that the map of Terraform types knows",
            place=Place(str(path)),
            problems=notes,
        )
    return Drafted(
        title=f"Terraform plan {path.name}: {len(changes)} resources",
        scope=tuple(target_document(item.target) for item in scope.targets),
        notes=notes,
    )
