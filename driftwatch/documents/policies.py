"""Policies: a shipped preset with the changes of the user's file -> the effective `Policy`, versioned by its content (section 8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Final

from driftwatch.documents import context, values
from driftwatch.documents.fields import Fields, items, nearest, some
from driftwatch.documents.loosening import NEVER_SOFTENED, PARAMETERS, loosened
from driftwatch.documents.people import People
from driftwatch.documents.problems import Problems
from driftwatch.documents.reader import read, read_file
from driftwatch.documents.tree import LIMITS, Limits, MapNode, Node, Scalar, shown
from driftwatch.domain.authorization.policy import (
    ApprovalRequirement,
    AutoPromote,
    BaselineRequirement,
    Deviation,
    Mode,
    Policy,
    RoleGroups,
    UnknownAs,
    WindowMode,
)
from driftwatch.domain.baseline import Assurance
from driftwatch.domain.canonical import canonical_json, sha256_hex
from driftwatch.domain.resource import Json
from driftwatch.errors import InputError, Place

PRESETS: Final = ("startup", "scaleup", "enterprise")
RULES: Final = ("R1", "R2", "R3", "R4", "R5", "R9", "R11", "R13")
"""The rules of the authorisation specification that this version judges."""

_STORED: Final = Limits(size=64 << 20, nodes=4_000_000)
_HOURS: Final = values.whole(1, 8760)
_SECONDS: Final = values.whole(0, 86_400)
_COUNT: Final = values.whole(1, 20)


def parse(data: bytes, source: str, limits: Limits = LIMITS) -> Policy:
    """The effective policy of a policy file. Raises InputError with every problem: unknown rules, loosening without a deviation."""
    node = read(data, source, limits)
    problems = Problems()
    preset = _preset_of(node, problems)
    policy = effective(merged(preset, node), problems)
    problems.check()
    _refuse_loosening(effective(preset, problems), policy, node, problems)
    problems.check()
    return policy


def load(path: Path) -> Policy:
    """The effective policy of the file at `path`; raises InputError, with the remedy where there is no such file."""
    if not path.exists():
        remedy = "a policy file: `driftwatch init` writes one, or write the line `extends: startup` into it"
        raise InputError("there is no policy, so nothing can be judged", expected=remedy, place=Place(str(path)))
    return parse(read_file(path), str(path))


def preset(name: str) -> Policy:
    """A shipped preset as a policy; raises InputError for a name that is none."""
    problems = Problems()
    policy = effective(preset_node(name), problems)
    problems.check()
    return policy


def preset_node(name: str) -> Node:
    """A shipped preset as it is read; raises InputError for a name that is none."""
    if name not in PRESETS:
        raise InputError(f"the preset {shown(name)}", expected="one of " + ", ".join(PRESETS))
    file = resources.files(__package__) / "presets" / f"{name}.yaml"
    return read(file.read_bytes(), f"presets/{name}.yaml")


def merged(base: Node, over: Node) -> Node:
    """`base` changed by `over`: mappings merge key by key, lists and single values replace."""
    if not isinstance(base, MapNode) or not isinstance(over, MapNode):
        return over
    entries = dict(base.entries)
    for key, node in over.entries.items():
        entries[key] = merged(entries[key], node) if key in entries else node
    return MapNode(over.place, entries, {**base.keys, **over.keys})


def effective(node: Node, problems: Problems) -> Policy:
    """The policy that a complete document (preset and changes merged) describes; unusable once `problems` holds any."""
    fields = Fields(node, problems, "a policy")
    fields.optional("version", values.whole(0, 10**9))  # the file's own count, for people: the content hash is the version
    policy = Policy(
        version="",
        extends=fields.required("extends", values.name),
        rules=fields.required("rules", _rules),
        unknown_as=fields.required("unknown_as", values.choice(UnknownAs)),
        clock_tolerance_s=fields.required("clock_tolerance_s", _SECONDS),
        candidate_horizon_h=fields.required("candidate_horizon_h", _HOURS),
        window_mode=fields.required("window_mode", values.choice(WindowMode)),
        derive_window=fields.required("derive_window", values.flag),
        derived_window_max_h=fields.required("derived_window_max_h", _HOURS),
        evaluate_all_writers=fields.required("evaluate_all_writers", values.flag),
        allow_account_wide=fields.required("allow_account_wide", values.flag),
        delete_requires_explicit=fields.required("delete_requires_explicit", values.flag),
        require_attribute_paths_for=fields.many("require_attribute_paths_for", values.pattern),
        settle_s=fields.required("settle_s", _SECONDS),
        snapshot_interval_max_h=fields.required("snapshot_interval_max_h", _HOURS),
        min_assurance=fields.required("min_assurance", values.choice(Assurance)),
        approvals=fields.required("approvals", _approvals),
        baseline=fields.required("baseline", _baseline),
        context=context.read_context(fields),
        deviations=fields.many("deviations", _deviation),
    )
    fields.done()
    return policy if problems else _versioned(policy)


def policy_document(policy: Policy) -> Json:
    """The effective policy as plain JSON: what its version is the hash of, and what the store keeps."""
    document = {
        "extends": policy.extends,
        "rules": {rule: mode.value for rule, mode in policy.rules.items()},
        "unknown_as": policy.unknown_as.value,
        "clock_tolerance_s": policy.clock_tolerance_s,
        "candidate_horizon_h": policy.candidate_horizon_h,
        "window_mode": policy.window_mode.value,
        "derive_window": policy.derive_window,
        "derived_window_max_h": policy.derived_window_max_h,
        "evaluate_all_writers": policy.evaluate_all_writers,
        "allow_account_wide": policy.allow_account_wide,
        "delete_requires_explicit": policy.delete_requires_explicit,
        "require_attribute_paths_for": list(policy.require_attribute_paths_for),
        "settle_s": policy.settle_s,
        "snapshot_interval_max_h": policy.snapshot_interval_max_h,
        "min_assurance": policy.min_assurance.value,
        "approvals": {
            "min_count": policy.approvals.min_count,
            "role_groups": [list(group) for group in policy.approvals.role_groups],
            "high_risk_role_groups": [list(group) for group in policy.approvals.high_risk_role_groups],
        },
        "baseline": {
            "auto_promote": policy.baseline.auto_promote.value,
            "min_count": policy.baseline.min_count,
            "role_groups": [list(group) for group in policy.baseline.role_groups],
        },
        "deviations": [
            {"rule": item.rule, "approved_by": item.approved_by, "reason": item.reason, "until": item.until.isoformat()}
            for item in policy.deviations
        ],
    }
    return document | context.context_document(policy.context)


def policy_from_document(document: Json) -> Policy:
    """The policy that `policy_document` wrote; raises InputError when it is none."""
    problems = Problems()
    policy = effective(read(canonical_json(document), "stored policy.json", _STORED), problems)
    problems.check()
    return policy


def with_people(policy: Policy, people: People) -> Policy:
    """The policy with the identities, roles and groups of the people file, under its new version.

    Raises InputError when a name belongs to one person in the policy and to another in the people file.
    """
    return _versioned(replace(policy, context=context.joined(policy.context, people)))


def _versioned(policy: Policy) -> Policy:
    return replace(policy, version=sha256_hex(canonical_json(policy_document(policy))))


def _preset_of(node: Node, problems: Problems) -> Node:
    """The preset that the file extends; raises InputError where it names none, since nothing else can then be checked."""
    fields = Fields(node, problems, "a policy")
    name = fields.required("extends", values.name)
    problems.check()
    if name not in PRESETS:
        extends = fields.node("extends")
        raise InputError(
            f"the preset {shown(name)}", expected="one of " + ", ".join(PRESETS), place=extends.place if extends else fields.place
        )
    return preset_node(name)


def _refuse_loosening(preset: Policy, policy: Policy, node: Node, problems: Problems) -> None:
    excused = {deviation.rule for deviation in policy.deviations}
    for name in loosened(preset, policy):
        place = _place_of(node, ("rules", name) if name in RULES else tuple(name.split(".")))
        if name in NEVER_SOFTENED:
            problems.add(place, f"{name} below the preset {preset.extends}", f"{preset.mode(name).value}: no deviation may soften {name}")
        elif name not in excused:
            block = f'deviations: [{{rule: {name}, approved_by: ..., reason: "...", until: YYYY-MM-DD}}]'
            problems.add(place, f"{name} looser than the preset {preset.extends} has it", f"a deviation that somebody approved: {block}")


def _place_of(node: Node, path: tuple[str, ...]) -> Place:
    place = node.place
    for key in path:
        if not isinstance(node, MapNode) or key not in node.entries:
            break
        place, node = node.keys[key], node.entries[key]
    return place


def _rules(node: Node, problems: Problems) -> Mapping[str, Mode] | None:
    fields = Fields(node, problems, "the rules")
    rules = {rule: mode for rule in RULES if (mode := fields.optional(rule, values.choice(Mode))) is not None}
    for key in node.entries if isinstance(node, MapNode) else ():
        if key not in RULES:
            problems.add(fields.where(key), f"the rule {shown(key)}", "one of the rules that exist: " + ", ".join(RULES))
    return rules


def _approvals(node: Node, problems: Problems) -> ApprovalRequirement | None:
    fields = Fields(node, problems, "approvals")
    requirement = ApprovalRequirement(
        min_count=fields.required("min_count", _COUNT),
        role_groups=fields.either("role_groups", _role_groups, ()),
        high_risk_role_groups=fields.either("high_risk_role_groups", _role_groups, ()),
    )
    fields.done()
    return requirement


def _baseline(node: Node, problems: Problems) -> BaselineRequirement | None:
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


def _deviation(node: Node, problems: Problems) -> Deviation | None:
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
