"""Who is who: one person under many names is one person, and whom nobody knows is told."""

from __future__ import annotations

import pytest

from driftwatch.domain.authorization.identity import Identities
from driftwatch.errors import InputError
from tests.builders import context

PEOPLE = Identities(
    context(groups={"group:netops": ("bob@corp.example", "carol")}, roles={"mia@corp.example": ("manager",), "mia": ("cab",)})
)


def test_every_alias_resolves_to_its_person_case_included() -> None:
    assert PEOPLE.resolve("AWSReservedSSO_Admin/mia") == "mia"
    assert PEOPLE.resolve("mia") == "mia"
    assert PEOPLE.resolve("MIA@corp.example") == "MIA@corp.example"


def test_roles_and_groups_hold_under_any_name() -> None:
    assert PEOPLE.roles("mia") == PEOPLE.roles("AWSReservedSSO_Admin/mia") == {"manager", "cab"}
    assert PEOPLE.groups("bob") == {"group:netops"}
    assert PEOPLE.roles("stranger") == PEOPLE.groups("stranger") == frozenset()


def test_unresolved_people_are_listed_and_machines_are_no_people() -> None:
    principals = ["mia@corp.example", "zoe", "adam", "zoe", "group:netops", "role/terraform-prod", "s3.amazonaws.com", None]
    assert PEOPLE.unresolved(principals) == ("adam", "zoe")


@pytest.mark.parametrize("identities", [{"mia": ("x",), "bob": ("x",)}, {"mia": ("bob",), "bob": ()}, {"bob": (), "mia": ("bob",)}])
def test_a_name_that_belongs_to_two_people_is_refused(identities: dict) -> None:
    with pytest.raises(InputError, match="is a name of both"):
        Identities(context(identities=identities, roles={}, groups={}))


def test_a_pipeline_is_one_under_any_of_its_names_and_is_no_person() -> None:
    known = Identities(context(identities={"terraform": ("role/terraform-prod", "ci@corp.example")}, roles={}, groups={}))
    for name in ("terraform", "role/terraform-prod", "ci@corp.example"):
        assert known.names(name) == {"terraform", "role/terraform-prod", "ci@corp.example"}
        assert known.is_pipeline(name)
        assert not known.is_person(name)
    assert known.people(["terraform", "ci@corp.example", "mia"]) == {"mia"}
    assert known.names("stranger") == {"stranger"}


@pytest.mark.parametrize("principal", ["group:x", "role/x", "s3.amazonaws.com", "role/terraform-prod"])
def test_groups_roles_services_and_pipelines_are_no_people(principal: str) -> None:
    assert not PEOPLE.is_person(principal)
    assert PEOPLE.is_person(f"x{principal}.org")


def test_a_group_is_named_by_its_members_and_by_no_other_group() -> None:
    assert PEOPLE.among("bob", ["group:netops"])
    assert PEOPLE.among("bob@corp.example", ["x", "bob"])
    assert not PEOPLE.among("mia", ["group:netops"])
    assert not PEOPLE.among("bob", [])


def test_a_name_may_be_repeated_for_one_person() -> None:
    assert Identities(context(identities={"mia": ("x", "x", "mia")}, roles={}, groups={})).resolve("x") == "mia"
