"""Policies: presets as the specification's table has them, changes by a file, loosening only with an approved deviation."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from driftwatch.documents import people, policies, requirements
from driftwatch.documents.context import CONTEXT_KEYS
from driftwatch.documents.loosening import expired_deviations
from driftwatch.domain.authorization.policy import Mode
from driftwatch.domain.change import ChangeType
from driftwatch.errors import InputError

MANAGERS = ["manager", "change_manager", "cab"]
EMPTY = (
    *("identities", "roles", "groups", "pipelines", "machine_actors", "ignore", "non_production_environments", "privileged_actors"),
    *("pipeline_only", "templates", "freezes"),
)
MODES = {
    # R1  2  3  4  5  6  7  8  9 10 11 12 13 14 15 16 17 18 19
    "startup": "E  E  W  E  W  -  W  -  E  E  E  -  W  E  -  -  W  -  -",
    "scaleup": "E  E  E  E  E  E  E  W  E  E  E  W  E  E  W  W  E  W  W",
    "enterprise": "E  E  E  E  E  E  E  E  E  E  E  E  E  E  E  E  E  E  E",
}
PARAMETERS = {
    "unknown_as": ("pass", "unknown", "fail"),
    "clock_tolerance_s": (900, 300, 120),
    "candidate_horizon_h": (168, 168, 168),
    "window_mode": ("overlap", "overlap", "contain"),
    "derive_window": (True, True, False),
    "derived_window_max_h": (168, 168, 168),
    "evaluate_all_writers": (False, False, True),
    "allow_account_wide": (True, False, False),
    "delete_requires_explicit": (False, True, True),
    "require_attribute_paths_for": ([], [], ["AWS::IAM::*", "AWS::KMS::Key"]),
    "pipelines_require_link": (False, False, True),
    "report_transients": (False, True, True),
    "settle_s": (1200, 1200, 1200),
    "snapshot_interval_max_h": (24, 4, 1),
    "acknowledge_target_h": (72, 24, 4),
    "exceptions": ({"max_days": 365}, {"max_days": 180}, {"max_days": 90}),
    "min_assurance": ("local", "signed", "signed"),
    "approvals": (
        {"min_count": 1, "role_groups": [], "high_risk_role_groups": []},
        {"min_count": 1, "role_groups": [MANAGERS], "high_risk_role_groups": []},
        {"min_count": 1, "role_groups": [MANAGERS], "high_risk_role_groups": [["cab"]]},
    ),
    "reviews": (
        {"min_count": 1, "distinct_from_approver": False},
        {"min_count": 1, "distinct_from_approver": False},
        {"min_count": 1, "distinct_from_approver": True},
    ),
    "tests": ({"automated": False, "match_ref": False}, {"automated": False, "match_ref": False}, {"automated": True, "match_ref": True}),
    "emergency": (
        {"prior_approval": "none", "declare_within_h": 72, "review_within_h": 120, "max_duration_h": 168},
        {"prior_approval": "none", "declare_within_h": 24, "review_within_h": 72, "max_duration_h": 72},
        {"prior_approval": "one", "declare_within_h": 4, "review_within_h": 24, "max_duration_h": 24},
    ),
    "baseline": (
        {"auto_promote": "authorized_only", "min_count": 1, "role_groups": []},
        {"auto_promote": "authorized_only", "min_count": 1, "role_groups": [["manager", "change_manager", "security"]]},
        {"auto_promote": "off", "min_count": 2, "role_groups": [["manager", "change_manager"], ["security"]]},
    ),
}


@pytest.mark.parametrize("tier", range(3), ids=policies.PRESETS)
def test_presets_hold_the_values_of_the_specification(tier: int) -> None:
    name = policies.PRESETS[tier]
    words = {"E": "enforce", "W": "warn", "-": "off"}
    document = policies.policy_document(policies.preset(name))
    assert document.pop("rules") == {f"R{number}": words[letter] for number, letter in enumerate(MODES[name].split(), start=1)}
    assert document.pop("extends") == name
    assert not any(document.pop(key) for key in (*EMPTY, "deviations"))
    assert document == {key: values[tier] for key, values in PARAMETERS.items()}


def test_presets_know_only_rules_and_every_rule() -> None:
    assert all(set(policies.preset(name).rules) == set(requirements.RULES) for name in policies.PRESETS)


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
        "pipelines_require_link: false",
        "report_transients: false",
        "acknowledge_target_h: 5",
        "exceptions: {max_days: 91}",
        "min_assurance: local",
        "rules: {R18: warn}",
        "reviews: {distinct_from_approver: false}",
        "tests: {automated: false}",
        "tests: {match_ref: false}",
        "emergency: {prior_approval: none}",
        "emergency: {declare_within_h: 5}",
        "emergency: {review_within_h: 25}",
        "emergency: {max_duration_h: 25}",
        "derive_window: true\nderived_window_max_h: 24",
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
        "rules: {R6: warn, R19: enforce}",
        "pipelines_require_link: true",
        "reviews: {min_count: 2, distinct_from_approver: true}",
        "tests: {automated: true, match_ref: true}",
        "emergency: {prior_approval: one, declare_within_h: 1, review_within_h: 2, max_duration_h: 3}",
        "exceptions: {max_days: 1}",
        "acknowledge_target_h: 1",
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


@pytest.mark.parametrize("rule", ["R1", "R13", "R14"])
def test_no_deviation_softens_a_rule_that_is_never_softened(rule: str) -> None:
    deviation = f"deviations: [{{rule: {rule}, approved_by: sam, reason: agreed, until: 2027-03-31}}]\n"
    with pytest.raises(InputError, match=f"no deviation may soften {rule}"):
        policies.parse(f"extends: enterprise\nrules: {{{rule}: warn}}\n{deviation}".encode(), "p")


@pytest.mark.parametrize(("day", "over"), [("2027-03-30", False), ("2027-03-31", False), ("2027-04-01", True)])
def test_a_deviation_counts_up_to_the_end_of_its_last_day(day: str, over: bool) -> None:
    text = b"extends: enterprise\nrules: {R19: warn}\ndeviations: [{rule: R19, approved_by: sam, reason: agreed, until: 2027-03-31}]\n"
    policy = policies.parse(text, "p")
    assert [item.rule for item in expired_deviations(policy, date.fromisoformat(day))] == (["R19"] if over else [])


EVERYTHING = b"""
extends: enterprise
production_accounts: ["111111111111"]
non_production_environments: [dev, staging]
identities: {mia: [mia@corp.example]}
roles: {mia: [manager]}
groups: {"group:netops": [mia]}
pipelines: [{principal: "role/deploy-*"}]
machine_actors: [{principals: [a.amazonaws.com], ids: ["arn:*"], operations: [updated], allow_unattributed: true}]
privileged_actors: [root, "role/Break*"]
pipeline_only: [{resource_types: ["AWS::IAM::*"], tags: {env: [prod, "*"]}, attribute_paths: [/Policies]}]
templates:
- id: T-1
  status: approved
  author: dana
  approved_by: mia
  valid_from: 2026-01-01T00:00:00+01:00
  valid_until: 2026-07-01T00:00:00Z
  windows: [{start: 2026-02-01T00:00:00Z, end: 2026-02-01T06:00:00Z}]
  scope: [{ids: ["arn:x"], expected: [{path: /A, equals: null}, {path: /B, min: 0.5, max: 2}, {path: /C, one_of: [1, "off", 2.25]}]}]
- {id: T-2, status: draft, author: dana, valid_from: 2026-01-01T00:00:00Z, valid_until: 2026-07-01T00:00:00Z, scope: [{tags: {a: b}}]}
freezes:
- {id: F-1, start: 2026-12-18T00:00:00Z, end: 2027-01-04T00:00:00Z, override_role: change_manager}
- {id: F-2, start: 2026-12-18T00:00:00Z, end: 2027-01-04T00:00:00Z, override_role: cab, exempt_types: [], scope: [{regions: [eu-*]}]}
ignore: [{resource_types: ["*"], attribute_paths: ["/Tags/aws:*"], reason: AWS sets them}]
"""


def test_every_key_of_the_context_is_read_and_survives_storing_and_the_people_file() -> None:
    policy = policies.parse(EVERYTHING, "p")
    assert policies.policy_from_document(policies.policy_document(policy)) == policy
    assert set(policies.policy_document(policy)) >= set(CONTEXT_KEYS)
    joined = policies.with_people(policy, people.parse(b"- {id: bob, roles: [cab]}\n", "people.yaml")).context
    assert joined.roles == {"mia": ("manager",), "bob": ("cab",)}
    kept = {key: getattr(joined, key) for key in CONTEXT_KEYS if key not in {"identities", "roles", "groups"}}
    assert kept == {key: getattr(policy.context, key) for key in kept}
    assert all(kept.values())


def test_a_freeze_without_a_scope_holds_everywhere_and_exempts_emergencies() -> None:
    freeze, other = policies.parse(EVERYTHING, "p").context.freezes
    assert (freeze.scope, freeze.exempt_types) == ((), (ChangeType.EMERGENCY,))
    assert other.exempt_types == ()


FREEZE = "freezes: [{id: F, start: 2026-12-18T00:00:00Z, end: 2027-01-04T00:00:00Z, override_role: cab}]"
TEMPLATE = (
    "templates: [{id: T, status: approved, author: a, valid_from: 2026-01-01T00:00:00Z, valid_until: 2026-07-01T00:00:00Z, "
    "scope: [{ids: [x]}]}]"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (FREEZE.replace("2027-01-04", "2026-12-18"), "2:48: a freeze that ends before it starts; expected an end after the start"),
        (FREEZE.replace(", override_role: cab", ""), '2:11: no "override_role"; expected a freeze with "override_role"'),
        (FREEZE.replace("Z", "", 1), "a time without a zone"),
        (FREEZE.replace("[{", "[{scope: [{}], "), "a target that names nothing"),
        (FREEZE.replace("[{", "[{scope: [{ids: [x], expected: [{path: /a, absent: true}]}], "), '"expected", which is not looked at here'),
        (f"{FREEZE[:-1]}, {FREEZE[10:]}", 'the id "F" a second time (first on line 2); expected each id once'),
        (TEMPLATE.replace("2026-07-01", "2026-01-01"), "a template that ends before it begins; expected valid_until after valid_from"),
        (TEMPLATE.replace("approved,", "good,"), "good without quotes; expected one of draft, approved, retired"),
        (TEMPLATE.replace("[{ids: [x]}]", "[]"), "an empty list; expected at least one element"),
        (f"{TEMPLATE[:-1]}, {TEMPLATE[12:]}", 'the id "T" a second time'),
        ("pipeline_only: [{}]", "a target that names nothing"),
        ("pipeline_only: {resource_types: [x]}", "a mapping; expected a list"),
        ("privileged_actors: [on]", 'quote it: "on"'),
        ("non_production_environment: [dev]", 'the unknown key "non_production_environment"; expected "non_production_environments"'),
    ],
)
def test_a_mistake_in_the_context_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        policies.parse(f"extends: startup\n{text}\n".encode(), "p")
    assert str(refused.value).startswith("p:2:")
    assert message in str(refused.value)
