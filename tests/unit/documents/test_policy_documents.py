"""Policies: presets as the specification's table has them, changes by a file, loosening only with an approved deviation."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from driftwatch.documents import people, policies
from driftwatch.domain.authorization.policy import AutoPromote, Mode, UnknownAs, WindowMode
from driftwatch.errors import InputError

E, W = Mode.ENFORCE, Mode.WARN
TABLE = {
    "startup": (
        (E, E, W, E, W, E, E, W),
        UnknownAs.PASS,
        900,
        168,
        WindowMode.OVERLAP,
        True,
        False,
        True,
        False,
        24,
        AutoPromote.AUTHORIZED_ONLY,
        1,
    ),
    "scaleup": ((E,) * 8, UnknownAs.UNKNOWN, 300, 168, WindowMode.OVERLAP, True, False, False, True, 4, AutoPromote.AUTHORIZED_ONLY, 1),
    "enterprise": ((E,) * 8, UnknownAs.FAIL, 120, 168, WindowMode.CONTAIN, False, True, False, True, 1, AutoPromote.OFF, 2),
}


@pytest.mark.parametrize("name", policies.PRESETS)
def test_presets_hold_the_values_of_the_specification(name: str) -> None:
    preset = policies.preset(name)
    actual = (
        tuple(preset.rules[rule] for rule in policies.RULES),
        preset.unknown_as,
        preset.clock_tolerance_s,
        preset.candidate_horizon_h,
        preset.window_mode,
        preset.derive_window,
        preset.evaluate_all_writers,
        preset.allow_account_wide,
        preset.delete_requires_explicit,
        preset.snapshot_interval_max_h,
        preset.baseline.auto_promote,
        preset.baseline.min_count,
    )
    assert actual == TABLE[name]
    assert preset.extends == name
    assert preset.settle_s == 1200


def test_presets_know_only_rules_and_every_rule() -> None:
    assert all(set(policies.preset(name).rules) == set(policies.RULES) for name in policies.PRESETS)


def test_a_file_changes_only_what_it_names() -> None:
    policy = policies.parse(b"extends: startup\nrules: {R3: enforce}\napprovals: {min_count: 2}\n", "p")
    preset = policies.preset("startup")
    assert policy.rules == {**preset.rules, "R3": Mode.ENFORCE}
    assert policy.approvals.min_count == 2
    assert policy.baseline == preset.baseline
    assert policy.version != preset.version


def test_the_context_stands_at_top_level() -> None:
    policy = policies.parse(
        b"""
extends: startup
production_accounts: ["111111111111"]
identities: {mia: [mia@corp.example]}
roles: {mia: [manager]}
groups: {"group:netops": [bob]}
pipelines: [{principal: "role/terraform-*"}]
machine_actors: [{principals: [autoscaling.amazonaws.com], attribute_paths: [/DesiredCapacity], allow_unattributed: true}]
ignore: [{resource_types: ["*"], attribute_paths: ["/Tags/aws:*"], reason: AWS sets them}]
""",
        "p",
    )
    context = policy.context
    assert context.production_accounts == ("111111111111",)
    assert context.identities == {"mia": ("mia@corp.example",)}
    assert context.pipelines == ("role/terraform-*",)
    assert context.machine_actors[0].allow_unattributed
    assert context.machine_actors[0].resource_types is None
    assert context.ignore[0].attribute_paths == ("/Tags/aws:*",)


def test_without_production_accounts_every_account_is_controlled() -> None:
    assert policies.parse(b"extends: startup\n", "p").context.production_accounts is None


@pytest.mark.parametrize(
    "change",
    [
        "rules: {R3: warn}",
        "rules: {R9: 'off'}",
        "unknown_as: unknown",
        "clock_tolerance_s: 121",
        "candidate_horizon_h: 169",
        "window_mode: overlap",
        "derive_window: true",
        "evaluate_all_writers: false",
        "allow_account_wide: true",
        "delete_requires_explicit: false",
        "require_attribute_paths_for: ['AWS::IAM::Role', 'AWS::KMS::Key']",
        "snapshot_interval_max_h: 2",
        "approvals: {role_groups: []}",
        "approvals: {role_groups: [[manager, change_manager, cab, engineer]]}",
        "approvals: {high_risk_role_groups: []}",
        "baseline: {auto_promote: authorized_only}",
        "baseline: {min_count: 1}",
        "baseline: {role_groups: [[manager, change_manager]]}",
    ],
)
def test_loosening_a_preset_takes_a_deviation(change: str) -> None:
    text = f"extends: enterprise\n{change}\n".encode()
    with pytest.raises(InputError, match="looser than the preset") as refused:
        policies.parse(text, "p")
    assert str(refused.value).startswith("p:2:")
    name = str(refused.value).split(" ")[1]
    deviation = f"deviations: [{{rule: {name}, approved_by: sam, reason: agreed, until: 2027-03-31}}]\n".encode()
    excused = policies.parse(text + deviation, "p")
    assert excused.deviations[0].until == date(2027, 3, 31)
    with pytest.raises(InputError, match="looser"):
        policies.parse(text + deviation.replace(name.encode(), b"R2" if name != "R2" else b"R3"), "p")


@pytest.mark.parametrize(
    "change",
    [
        "unknown_as: fail",
        "clock_tolerance_s: 0",
        "candidate_horizon_h: 24",
        "window_mode: contain",
        "derive_window: false",
        "allow_account_wide: false",
        "require_attribute_paths_for: ['*']",
        "approvals: {min_count: 2, role_groups: [[manager]]}",
        "rules: {R3: enforce, R13: enforce}",
    ],
)
def test_tightening_is_free(change: str) -> None:
    assert policies.parse(f"extends: startup\n{change}\n".encode(), "p").deviations == ()


def test_the_version_is_that_of_the_content() -> None:
    one = policies.parse(b"extends: startup\nroles: {a: [x], b: [y]}\n", "one.yaml")
    other = policies.parse(b"# the same\nroles:\n  b: [y]\n  a: [x]\nversion: 7\nextends: 'startup'\n", "other.yaml")
    assert one == other
    assert len(one.version) == 64
    assert one.version != policies.parse(b"extends: startup\nroles: {a: [x], b: [z]}\n", "p").version


@pytest.mark.parametrize("name", policies.PRESETS)
def test_a_stored_policy_comes_back_as_it_was(name: str) -> None:
    text = f"extends: {name}\nidentities: {{mia: [m@x]}}\npipelines: [{{principal: 'role/\U0001f600*'}}]\n".replace("\\u2028 x", "x")
    policy = policies.parse(text.encode(), "p")
    assert policies.policy_from_document(policies.policy_document(policy)) == policy


def test_people_become_identities_roles_and_groups_under_a_new_version() -> None:
    policy = policies.parse(b"extends: startup\nroles: {bob: [engineer]}\n", "p")
    staff = people.parse(b"- {id: bob, roles: [manager], groups: [netops], github: [bobby], email: [bob@x]}\n", "people.yaml")
    joined = policies.with_people(policy, staff)
    assert joined.context.identities == {"bob": ("bob@x", "bobby")}
    assert joined.context.roles == {"bob": ("engineer", "manager")}
    assert joined.context.groups == {"group:netops": ("bob",)}
    assert joined.version != policy.version
    assert policies.policy_from_document(policies.policy_document(joined)) == joined


def test_a_name_cannot_belong_to_one_person_in_the_policy_and_to_another_in_the_people_file() -> None:
    policy = policies.parse(b"extends: startup\nidentities: {eve: [bobby]}\n", "p")
    with pytest.raises(InputError, match='"Bobby" belongs to eve and to bob'):
        policies.with_people(policy, people.parse(b"- {id: bob, github: [Bobby]}\n", "people.yaml"))


def test_a_missing_policy_is_an_error_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="driftwatch init"):
        policies.load(tmp_path / "policy.yaml")
