"""What a policy requires, read from a file: the modes of the rules, the requirements of each kind of evidence, and the deviations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from driftwatch.documents import values
from driftwatch.documents.fields import Fields, items, nearest, some
from driftwatch.documents.loosening import PARAMETERS
from driftwatch.documents.problems import Problems
from driftwatch.documents.tree import MapNode, Node, Scalar, shown
from driftwatch.domain.authorization.policy import (
    ApprovalRequirement,
    AutoPromote,
    BaselineRequirement,
    Deviation,
    EmergencyRequirement,
    Mode,
    PriorApproval,
    ReviewRequirement,
    RoleGroups,
    TestRequirement,
)

RULES: Final = tuple(f"R{number}" for number in range(1, 20))
"""The rules of the authorisation specification (section 6)."""

HOURS: Final = values.whole(1, 8760)
_COUNT: Final = values.whole(1, 20)


def rules(node: Node, problems: Problems) -> Mapping[str, Mode] | None:
    """The modes of the rules that the file names; every other word is refused."""
    fields = Fields(node, problems, "the rules")
    modes = {rule: mode for rule in RULES if (mode := fields.optional(rule, values.choice(Mode))) is not None}
    for key in node.entries if isinstance(node, MapNode) else ():
        if key not in RULES:
            problems.add(fields.where(key), f"the rule {shown(key)}", "one of the rules that exist: " + ", ".join(RULES))
    return modes


def approvals(node: Node, problems: Problems) -> ApprovalRequirement | None:
    """R4 and R5: how many approve, and with which roles."""
    fields = Fields(node, problems, "approvals")
    requirement = ApprovalRequirement(
        min_count=fields.required("min_count", _COUNT),
        role_groups=fields.either("role_groups", _role_groups, ()),
        high_risk_role_groups=fields.either("high_risk_role_groups", _role_groups, ()),
    )
    fields.done()
    return requirement


def reviews(node: Node, problems: Problems) -> ReviewRequirement | None:
    """R6: how many peers review, and whether they must be others than the approvers."""
    fields = Fields(node, problems, "reviews")
    requirement = ReviewRequirement(
        min_count=fields.required("min_count", _COUNT),
        distinct_from_approver=fields.required("distinct_from_approver", values.flag),
    )
    fields.done()
    return requirement


def tests(node: Node, problems: Problems) -> TestRequirement | None:
    """R7: what counts as a test."""
    fields = Fields(node, problems, "tests")
    requirement = TestRequirement(automated=fields.required("automated", values.flag), match_ref=fields.required("match_ref", values.flag))
    fields.done()
    return requirement


def emergency(node: Node, problems: Problems) -> EmergencyRequirement | None:
    """R4 and R10: the hours of an emergency change."""
    fields = Fields(node, problems, "emergency")
    requirement = EmergencyRequirement(
        prior_approval=fields.required("prior_approval", values.choice(PriorApproval)),
        declare_within_h=fields.required("declare_within_h", HOURS),
        review_within_h=fields.required("review_within_h", HOURS),
        max_duration_h=fields.required("max_duration_h", HOURS),
    )
    fields.done()
    return requirement


def exceptions(node: Node, problems: Problems) -> int | None:
    """R14: the days that an exception may last at most."""
    fields = Fields(node, problems, "exceptions")
    max_days = fields.required("max_days", values.whole(1, 3650))
    fields.done()
    return max_days


def baseline(node: Node, problems: Problems) -> BaselineRequirement | None:
    """R13: who approves a baseline, and whether authorised drift promotes itself."""
    fields = Fields(node, problems, "baseline")
    requirement = BaselineRequirement(
        auto_promote=fields.required("auto_promote", values.choice(AutoPromote)),
        min_count=fields.required("min_count", _COUNT),
        role_groups=fields.either("role_groups", _role_groups, ()),
    )
    fields.done()
    return requirement


def _role_groups(node: Node, problems: Problems) -> RoleGroups | None:
    return items(some(values.name))(node, problems)


def deviation(node: Node, problems: Problems) -> Deviation | None:
    """One loosening that somebody agreed to."""
    fields = Fields(node, problems, "a deviation")
    deviation = Deviation(
        rule=fields.required("rule", _loosened_name),
        approved_by=fields.required("approved_by", values.name),
        reason=fields.required("reason", values.text),
        until=fields.required("until", values.day),
    )
    fields.done()
    return deviation


def _loosened_name(node: Node, problems: Problems) -> str | None:
    known = (*RULES, *PARAMETERS)
    if isinstance(node, Scalar) and node.text not in known:
        return problems.add(node.place, values.found(node), nearest(node.text, known))
    return values.name(node, problems)
