"""Baselines, as the API takes and gives them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictBool

from driftwatch.api.schemas.base import Body, Given, Moment, Name, Text
from driftwatch.api.schemas.findings import Difference
from driftwatch.domain.baseline import Assurance, BaselineState, Method
from driftwatch.domain.change import ApprovalDecision
from driftwatch.domain.decision import RuleOutcome


class VersionApproval(Given):
    who: str
    decision: ApprovalDecision
    at: Moment
    method: Method | None
    assurance: Assurance | None


class OmissionOf(Given):
    """A cell that is left out on purpose: it stays unbaselined."""

    cell: str = Field(description="ACCOUNT/REGION/TYPE.")
    reason: str
    by: str


class IncludedOf(Given):
    """A drift that the version takes up."""

    finding: str
    verdict: str
    disposition: str | None = Field(description="What was decided about it, and by whom; null: nothing yet.")


class VersionOf(Given):
    """One version of a baseline, without the contents of its cells."""

    id: str
    name: str
    state: BaselineState
    author: str
    created_at: Moment
    content_hash: str = Field(description="What an approval is bound to: the ETag of the version.")
    parent: str | None
    bootstrap: bool = Field(description="Whether it is the first of its name.")
    note: str
    approvals: list[VersionApproval]
    omissions: list[OmissionOf]
    included: list[IncludedOf]
    records: list[str] = Field(description="The change records that justify it.")


class VersionCell(Given):
    """What a version says of one cell."""

    cell: str
    resources: int
    shape: str
    file_hash: str


class WholeVersion(VersionOf):
    cells: list[VersionCell] = Field(description="All its cells, its ancestors' included, as far as you may read them.")


class BaselineOf(Given):
    """A baseline that the configuration names."""

    name: str
    accounts: list[str] = Field(description="Globs over account ids.")
    regions: list[str]
    types: list[str]
    active: VersionOf | None
    pending: list[VersionOf] = Field(description="Proposals that wait for an approval, the newest first; 200 at most.")


class BaselineList(Given):
    baselines: list[BaselineOf]


class VersionPage(Given):
    versions: list[VersionOf]
    next: str | None = Field(description="The cursor of the next page; null: this is the last one.")


class ResourceDiffOf(Given):
    """How one resource differs."""

    cell: str
    resource: str
    differences: list[Difference]


class DiffPage(Given):
    resources: list[ResourceDiffOf] = Field(description="May be empty, and more may come all the same: `next` tells.")
    next: str | None = Field(description="The cursor of the next page; null: this is the last one.")


class LeaveOut(Body):
    """Cells that are left out."""

    pattern: Name = Field(description="ACCOUNT/REGION/TYPE, with * and ?.")
    reason: Text


class CaptureBaseline(Body):
    left_out: Annotated[list[LeaveOut], Field(max_length=1000)] = Field(default=[], description="They stay unbaselined.")
    note: Annotated[str, Field(max_length=2000)] = ""
    propose: StrictBool = Field(default=False, description="Propose it in the same step.")


class ApproveVersion(Body):
    accept_risk: Annotated[dict[Name, Text], Field(max_length=1000)] = Field(
        default={}, description="Findings whose uncovered drift may enter the baseline as it is, each with the reason."
    )


class RuleResultOf(Given):
    rule: str
    outcome: RuleOutcome
    record: str | None
    event: str | None
    detail: str
    explanation: str


class ApprovedOf(Given):
    """What an approval came to."""

    version: VersionOf
    active: bool = Field(description="Whether it is the active version now; if not, more approvals are needed.")
    baselined: int = Field(description="Findings that it closed.")
    results: list[RuleResultOf]


class RefreshOf(Given):
    """A refresh that was asked of the daemon."""

    request: str = Field(description="Its id; `Location` says where to look how far it is.")
    baseline: str
    daemon: bool = Field(description="Whether a daemon runs now that will do it.")
    expires: Moment = Field(description="When it ends as expired, if no daemon has begun with it by then.")
    note: str
