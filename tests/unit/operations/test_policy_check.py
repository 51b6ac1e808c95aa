"""`policy check`: what is wrong or useless in a policy is named with its place; an error is what makes it mean something else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from driftwatch.documents import people as people_files
from driftwatch.documents.origins import Traced
from driftwatch.documents.people import People
from driftwatch.operations import policy_check
from driftwatch.operations.policy_remarks import Level, Remark

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
ROLES = "roles: {mia: [manager, change_manager, cab], sam: [security]}\nidentities: {mia: [], sam: [], bob: [bob@x], dana: []}\n"
GOOD = f"""extends: enterprise
{ROLES}
non_production_environments: [staging]
privileged_actors: [root]
pipelines: [{{principal: "role/deploy-*"}}]
pipeline_only: [{{resource_types: ["AWS::IAM::*"]}}]
freezes: [{{id: F, start: 2026-12-18T00:00:00Z, end: 2027-01-04T00:00:00Z, override_role: change_manager}}]
templates:
- {{id: T, status: approved, author: dana, approved_by: mia, valid_from: 2026-01-01T00:00:00Z, valid_until: 2027-01-01T00:00:00Z,
   scope: [{{ids: ["arn:aws:sqs:*"]}}]}}
"""


def remarks(text: str, tmp_path: Path, people: People | None = None) -> list[Remark]:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    return policy_check.check(Traced(path, people), NOW)


def test_a_complete_policy_draws_no_remark(tmp_path: Path) -> None:
    assert remarks(GOOD, tmp_path) == []


DEVIATION = "rules: {R19: warn}\ndeviations: [{rule: R19, approved_by: sam, reason: agreed, until: DAY}]\n"


@pytest.mark.parametrize(
    ("old", "new", "level", "word", "said"),
    [
        ("non_production_environments: [staging]\n", "", "error", "unsatisfiable", "no environment is named"),
        ("privileged_actors: [root]\n", "", "warning", "never_fires", "R15 is set to enforce, but no actor is privileged"),
        ('pipeline_only: [{resource_types: ["AWS::IAM::*"]}]\n', "", "warning", "never_fires", "R18"),
        ("end: 2027-01-04", "end: 2026-03-01", "", "", ""),
        ("[manager, change_manager, cab]", "[manager]", "error", "unsatisfiable", "nobody holds the role cab: no change of high risk"),
        ("sam: [security]", "sam: []", "error", "unsatisfiable", "nobody holds the role security: no proposed baseline"),
        ("override_role: change_manager", "override_role: ceo", "warning", "nobody_holds", "nobody can lift the freeze F"),
        ("approved_by: mia", "approved_by: dana", "error", "self_approved_template", "approved by its author"),
        (" approved_by: mia,", "", "error", "unapproved_template", "nobody approved it"),
        ("status: approved", "status: draft", "warning", "draft_template", "is a draft"),
        ("valid_until: 2027-01-01T00", "valid_until: 2026-03-10T12", "warning", "expired_template", "ended on 2026-03-10T12:00:00Z"),
        ("valid_until: 2027-01-01", "valid_until: 2026-03-20", "warning", "ending_template", "ends on 2026-03-20"),
        ("author: dana", "author: dan", "warning", "unknown_person", "dan, who wrote the template T"),
        ('"arn:aws:sqs:*"', "queue-7", "warning", "bare_id", '"queue-7" has no colon'),
        ("role/deploy-*", "*", "error", "contradiction", "every principal counts as a pipeline"),
        ("role/deploy-*", "b*", "error", "person_is_pipeline", "bob, a name of bob"),
        ("bob: [bob@x]", "bob: [bob@x], b0b: []", "warning", "names_look_alike", "b0b and bob look alike"),
        ("bob: [bob@x]", 'bob: ["b\u043eb@x"]', "warning", "mixed_scripts", "b\\u043eb@x mixes letters of Cyrillic and Latin"),
        ("privileged", 'groups: {"group:ops": [bob, zed]}\nprivileged', "warning", "unknown_person", "zed, who is in group:ops"),
        ("privileged", 'groups: {"group:ops": []}\nprivileged', "warning", "empty_group", "group:ops has no members"),
        ("privileged", DEVIATION.replace("DAY", "2026-03-09") + "privileged", "error", "expired_deviation", "ended on 2026-03-09"),
        ("privileged", DEVIATION.replace("DAY", "2026-03-10") + "privileged", "warning", "ending_deviation", "ends on 2026-03-10"),
        (
            "privileged",
            DEVIATION.replace("DAY", "2027-03-10").replace("warn", "enforce") + "privileged",
            "warning",
            "idle_deviation",
            "excuses nothing",
        ),
        (
            "privileged",
            DEVIATION.replace("DAY", "2027-03-10").replace("sam", "zoe") + "privileged",
            "warning",
            "unknown_person",
            "zoe, who approved the deviation for R19",
        ),
        ("privileged", "emergency: {review_within_h: 3}\nprivileged", "warning", "contradiction", "must be reviewed within 3 h"),
        (
            "privileged",
            "machine_actors: [{principals: ['*'], allow_unattributed: true}]\nprivileged",
            "error",
            "wide_machine_actor",
            "excuses every change that no event explains",
        ),
        (
            "privileged",
            "machine_actors: [{principals: ['*'], resource_types: [x]}]\nprivileged",
            "warning",
            "wide_machine_actor",
            "any AWS",
        ),
    ],
)
def test_each_mistake_draws_its_remark(old: str, new: str, level: str, word: str, said: str, tmp_path: Path) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    if not word:  # a freeze that is over before it starts is no policy at all
        text = GOOD.replace("start: 2026-12-18", "start: 2026-02-01").replace(old, new)
        level, word, said = "warning", "never_fires", "there is no freeze that is not over"
    found = [item for item in remarks(text, tmp_path) if item.word == word and said in item.text]
    assert [item.level for item in found] == [Level(level)]
    assert found[0].place.source == str(tmp_path / "policy.yaml")


def test_lists_that_no_rule_looks_at_are_told(tmp_path: Path) -> None:
    text = GOOD.replace("enterprise", "startup")
    told = {item.text.split(" ")[0] for item in remarks(text, tmp_path) if item.word == "not_looked_at"}
    assert told == {"freezes", "privileged_actors", "pipeline_only"}


def test_the_errors_come_first_and_then_the_order_of_the_file(tmp_path: Path) -> None:
    found = remarks("extends: enterprise\npipelines: [{principal: '*'}]\nemergency: {review_within_h: 1}\n", tmp_path)
    levels = [item.level for item in found]
    assert levels == sorted(levels, key=lambda level: level is not Level.ERROR)
    assert Level.ERROR in levels
    assert Level.WARNING in levels


def test_signed_approvals_are_impossible_where_nobody_has_a_key(tmp_path: Path) -> None:
    staff = people_files.parse(b"- {id: mia, roles: [manager, security, cab]}\n", "people.yaml")
    text = GOOD.replace(ROLES, "")
    assert "nobody in the people file has a key" in " ".join(item.text for item in remarks(text, tmp_path, staff))
    with_key = people_files.parse(b"- {id: mia, roles: [manager, security, cab], ssh_principals: [mia@x]}\n", "people.yaml")
    assert "has a key" not in " ".join(item.text for item in remarks(text, tmp_path, with_key))


def test_every_value_is_traced_to_the_preset_the_line_or_the_people_file(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("extends: startup\nrules: {R3: enforce}\nroles: {mia: [manager]}\n")
    staff = people_files.parse(b"- {id: bob, roles: [cab]}\n- {id: mia, roles: [cab]}\n", "people.yaml")
    origins = {".".join(item.key): item for item in Traced(path, staff).origins()}
    assert (origins["rules.R3"].source, str(origins["rules.R3"].place)) == ("file", f"{path}:2:9")
    assert (origins["rules.R1"].source, origins["rules.R1"].place) == ("preset", None)
    assert origins["roles.bob"].source == "people"
    assert (origins["roles.mia"].source, origins["roles.mia"].value) == ("file and people", ["manager", "cab"])
    assert origins["settle_s"].source == "preset"
    assert "freezes" not in origins
