"""Change records: good ones are kept when others are bad, and nothing is guessed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from driftwatch.documents import changes, people
from driftwatch.domain.change import ApprovalDecision, ChangeState, ChangeType, Expectation
from driftwatch.domain.drift import DriftKind
from driftwatch.errors import InputError

FULL = b"""
id: CHG-1
title: Open the port
type: emergency
state: approved
requester: alice
implementers: [bob]
approvals: [{who: mia, role: manager, decision: approved, at: 2999-01-01T00:00:00Z}]
windows: [{start: "2026-03-10T10:00:00+01:00", end: 2026-03-10T12:00:00Z}]
scope:
- ids: ["arn:aws:ec2:eu-west-1:111111111111:security-group/sg-1"]
  accounts: ["111111111111"]
  tags: {env: prod, team: [a, b]}
  operations: [created, deleted]
  attribute_paths: ["", /IpPermissions]
  expected:
  - {path: /A, equals: null}
  - {path: /B, one_of: [1, "1", true, 2.50, {"x": [null]}]}
  - {path: /C, min: 1, max: 2.5}
  - {path: /D, absent: true}
  - {path: /E, matches: "10.*"}
created_at: 2026-03-09T09:00:00Z
"""


def test_a_record_is_read_in_full() -> None:
    (record,) = changes.parse(FULL, "c.yaml").records
    assert record.type is ChangeType.EMERGENCY
    assert record.state is ChangeState.APPROVED
    assert record.windows[0].start == datetime(2026, 3, 10, 9, tzinfo=UTC)
    assert record.approvals[0].decision is ApprovalDecision.APPROVED
    target = record.scope[0]
    assert target.tags == {"env": ("prod",), "team": ("a", "b")}
    assert target.operations == (DriftKind.CREATED, DriftKind.DELETED)
    assert target.attribute_paths == ("", "/IpPermissions")
    assert target.regions is None
    assert target.expected == (
        Expectation(path="/A", equals=None, equals_given=True),
        Expectation(path="/B", one_of=(1, "1", True, "2.5", {"x": [None]})),
        Expectation(path="/C", min=1, max=2.5),
        Expectation(path="/D", absent=True),
        Expectation(path="/E", matches="10.*"),
    )


def test_an_approval_of_the_future_is_kept_for_the_core_to_ignore() -> None:
    assert changes.parse(FULL, "c.yaml").records[0].approvals[0].at.year == 2999


def test_an_unknown_type_is_normal_the_strictest() -> None:
    (record,) = changes.parse(b"{id: A, type: pre-approved, created_at: 2026-03-09T09:00:00Z}", "c.yaml").records
    assert record.type is ChangeType.NORMAL


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"id: A\ncreated_at: 2026-03-09T09:00:00Z\n---\nid: B\ncreated_at: 2026-03-09T09:00:00Z\n", "c.yaml"),
        (b"- {id: A, created_at: 2026-03-09T09:00:00Z}\n- {id: B, created_at: 2026-03-09T09:00:00Z}\n", "c.yaml"),
        (b"changes:\n- {id: A, created_at: 2026-03-09T09:00:00Z}\n- {id: B, created_at: 2026-03-09T09:00:00Z}\n---\n", "c.yaml"),
        (b'[{"id": "A", "created_at": "2026-03-09T09:00:00Z"}, {"id": "B", "created_at": "2026-03-09T09:00:00Z"}]', "c.json"),
    ],
)
def test_records_come_one_a_document_in_a_list_or_under_changes(data: bytes, name: str) -> None:
    assert [record.id for record in changes.parse(data, name).records] == ["A", "B"]


def test_a_bad_record_is_set_aside_and_the_good_ones_are_kept() -> None:
    data = b"- {id: A, created_at: 2026-03-09T09:00:00Z}\n- {id: B, created_at: soon}\n- {id: C, created_at: 2026-03-09T09:00:00Z}\n"
    fetched = changes.parse(data, "c.yaml")
    assert [record.id for record in fetched.records] == ["A", "C"]
    (aside,) = fetched.set_aside
    assert (aside.id, aside.place) == ("B", "c.yaml:2:3")
    assert aside.problem.startswith("c.yaml:2:23: soon without quotes")


@pytest.mark.parametrize("second", [b"{id: A, created_at: 2026-03-09T09:00:00Z, requester: eve}", b"{id: A, created_at: soon}"])
def test_records_that_share_an_id_are_all_set_aside(second: bytes) -> None:
    """Neither of two records with one id can be told to be the true one."""
    fetched = changes.parse(b"- {id: A, created_at: 2026-03-09T09:00:00Z}\n- " + second + b"\n", "c.yaml")
    assert not fetched.records
    assert len(fetched.set_aside) == 2
    assert any("c.yaml:1:3, c.yaml:2:3" in aside.problem for aside in fetched.set_aside)


def test_the_raw_hash_changes_with_the_record_and_not_with_its_layout() -> None:
    def raw_hash(data: bytes) -> str | None:
        return changes.parse(data, "c.yaml").records[0].raw_hash

    plain = b"id: A\ncreated_at: 2026-03-09T09:00:00Z\ntitle: x\n"
    assert raw_hash(plain) == raw_hash(b"# note\n- {title: x, created_at: 2026-03-09T09:00:00Z, id: A}\n")
    assert raw_hash(plain) != raw_hash(plain.replace(b"title: x", b"title: y"))


def test_a_file_that_is_no_yaml_is_refused_as_a_whole() -> None:
    with pytest.raises(InputError):
        changes.parse(b"id: A\n---\nid: [", "c.yaml")


def test_people_are_found_by_what_identifies_them() -> None:
    staff = people.parse(
        b"people:\n- {id: bob, os_users: [bob], ssh_principals: [bob@x], oidc: [{iss: 'https://x', sub: '7'}], roles: [dev], "
        b"groups: [ops]}\n"
        b"- {id: mia, aws: [AWSReservedSSO_Admin/mia], github: [mia-x], gitlab: [mia-x], groups: [ops]}\n",
        "people.yaml",
    )
    bob, mia = staff.persons
    assert staff.by_os_user("bob") == staff.by_ssh_principal("bob@x") == staff.get("bob") == bob
    assert staff.by_oidc("https://x", "7") == bob
    assert staff.by_os_user("Bob") is staff.by_oidc("https://y", "7") is staff.by_ssh_principal("mia") is staff.get("eve") is None
    assert mia.aliases == ("AWSReservedSSO_Admin/mia", "mia-x")
    assert staff.identities() == {"bob": (), "mia": mia.aliases}
    assert staff.roles() == {"bob": ("dev",)}
    assert staff.groups() == {"group:ops": ("bob", "mia")}


def test_an_os_user_is_no_name_in_the_cloud() -> None:
    """Who is root on a machine is not thereby the root user of an AWS account."""
    assert people.parse(b"- {id: bob, os_users: [root]}\n", "people.yaml").identities() == {"bob": ()}
