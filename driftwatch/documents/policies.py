"""Policies: a shipped preset with the changes of the user's file -> the effective `Policy`, versioned by its content (section 8)."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Final

from driftwatch.documents import context, requirements, values
from driftwatch.documents.fields import Fields
from driftwatch.documents.loosening import NEVER_SOFTENED, loosened
from driftwatch.documents.people import People
from driftwatch.documents.problems import Problems
from driftwatch.documents.reader import read, read_file
from driftwatch.documents.tree import LIMITS, Limits, MapNode, Node, shown
from driftwatch.domain import codec
from driftwatch.domain.authorization.policy import Policy, UnknownAs, WindowMode
from driftwatch.domain.baseline import Assurance
from driftwatch.domain.canonical import canonical_json, sha256_hex
from driftwatch.domain.resource import Json
from driftwatch.errors import InputError, Place

PRESETS: Final = ("startup", "scaleup", "enterprise")

_STORED: Final = Limits(size=64 << 20, nodes=4_000_000)
_SECONDS: Final = values.whole(0, 86_400)


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
        rules=fields.required("rules", requirements.rules),
        unknown_as=fields.required("unknown_as", values.choice(UnknownAs)),
        clock_tolerance_s=fields.required("clock_tolerance_s", _SECONDS),
        candidate_horizon_h=fields.required("candidate_horizon_h", requirements.HOURS),
        window_mode=fields.required("window_mode", values.choice(WindowMode)),
        derive_window=fields.required("derive_window", values.flag),
        derived_window_max_h=fields.required("derived_window_max_h", requirements.HOURS),
        evaluate_all_writers=fields.required("evaluate_all_writers", values.flag),
        allow_account_wide=fields.required("allow_account_wide", values.flag),
        delete_requires_explicit=fields.required("delete_requires_explicit", values.flag),
        require_attribute_paths_for=fields.many("require_attribute_paths_for", values.pattern),
        pipelines_require_link=fields.required("pipelines_require_link", values.flag),
        report_transients=fields.required("report_transients", values.flag),
        settle_s=fields.required("settle_s", _SECONDS),
        snapshot_interval_max_h=fields.required("snapshot_interval_max_h", requirements.HOURS),
        acknowledge_target_h=fields.required("acknowledge_target_h", requirements.HOURS),
        exceptions_max_days=fields.required("exceptions", requirements.exceptions),
        min_assurance=fields.required("min_assurance", values.choice(Assurance)),
        approvals=fields.required("approvals", requirements.approvals),
        reviews=fields.required("reviews", requirements.reviews),
        tests=fields.required("tests", requirements.tests),
        emergency=fields.required("emergency", requirements.emergency),
        baseline=fields.required("baseline", requirements.baseline),
        context=context.read_context(fields),
        deviations=fields.many("deviations", requirements.deviation),
    )
    fields.done()
    return policy if problems else versioned(policy)


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
        "pipelines_require_link": policy.pipelines_require_link,
        "report_transients": policy.report_transients,
        "settle_s": policy.settle_s,
        "snapshot_interval_max_h": policy.snapshot_interval_max_h,
        "acknowledge_target_h": policy.acknowledge_target_h,
        "exceptions": {"max_days": policy.exceptions_max_days},
        "min_assurance": policy.min_assurance.value,
        "approvals": {
            "min_count": policy.approvals.min_count,
            "role_groups": [list(group) for group in policy.approvals.role_groups],
            "high_risk_role_groups": [list(group) for group in policy.approvals.high_risk_role_groups],
        },
        "reviews": codec.encode(policy.reviews),
        "tests": codec.encode(policy.tests),
        "emergency": codec.encode(policy.emergency),
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
    return versioned(replace(policy, context=context.joined(policy.context, people)))


def versioned(policy: Policy) -> Policy:
    """The policy under the version that its content has."""
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
        place = _place_of(node, ("rules", name) if name in requirements.RULES else tuple(name.split(".")))
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
