"""People: who is who. One file says which names, accounts and keys belong to one person, and which roles and groups that person has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from driftwatch.documents import values
from driftwatch.documents.fields import Fields
from driftwatch.documents.problems import Problems
from driftwatch.documents.reader import read, read_file
from driftwatch.documents.tree import LIMITS, Limits, ListNode, MapNode, Node, shown
from driftwatch.errors import Place

ALIASES: Final = ("email", "aws", "github", "gitlab", "jira", "servicenow", "aliases")
"""The keys whose names are other names of the person, in tickets and in logged calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcIdentity:
    """A person at an identity provider: the issuer and the subject, never the e-mail address."""

    iss: str
    sub: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One person. `aliases` are the other names by which tickets and logged calls know them."""

    id: str
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    os_users: tuple[str, ...] = ()
    ssh_principals: tuple[str, ...] = ()
    oidc: tuple[OidcIdentity, ...] = ()
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Everybody that driftwatch knows. No name, account or key belongs to two of them."""

    persons: tuple[Person, ...] = ()

    def get(self, id: str) -> Person | None:  # noqa: A002 - the glossary's word
        return next((person for person in self.persons if person.id == id), None)

    def by_os_user(self, user: str) -> Person | None:
        return next((person for person in self.persons if user in person.os_users), None)

    def by_ssh_principal(self, principal: str) -> Person | None:
        return next((person for person in self.persons if principal in person.ssh_principals), None)

    def by_oidc(self, iss: str, sub: str) -> Person | None:
        return next((person for person in self.persons if OidcIdentity(iss=iss, sub=sub) in person.oidc), None)

    def identities(self) -> Mapping[str, tuple[str, ...]]:
        """Person -> other names, as `PolicyContext.identities` has them."""
        return {person.id: person.aliases for person in self.persons}

    def roles(self) -> Mapping[str, tuple[str, ...]]:
        """Person -> roles."""
        return {person.id: person.roles for person in self.persons if person.roles}

    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """``group:<name>`` -> persons."""
        members: dict[str, list[str]] = defaultdict(list)
        for person in self.persons:
            for group in person.groups:
                members[f"group:{group}"].append(person.id)
        return {group: tuple(persons) for group, persons in members.items()}


def parse(data: bytes, source: str, limits: Limits = LIMITS) -> People:
    """The people of a file: a list of persons, or a mapping with `people`. Raises InputError with every problem of the file."""
    problems = Problems()
    owners = _Owners(problems)
    persons = [_person(node, problems, owners) for node in _persons_in(read(data, source, limits), problems)]
    problems.check()
    return People(persons=tuple(person for person in persons if person is not None))


def load(path: Path) -> People:
    """The people of the file at `path`; raises InputError."""
    return parse(read_file(path), str(path))


def _persons_in(node: Node, problems: Problems) -> tuple[Node, ...]:
    if isinstance(node, MapNode):
        fields = Fields(node, problems, "the file")
        listed = fields.node("people")
        fields.done()
        if listed is None:
            problems.add(fields.where("people"), 'no "people"', "a list of persons")
            return ()
        node = listed
    if isinstance(node, ListNode):
        return node.items
    problems.add(node.place, values.found(node), "a list of persons")
    return ()


class _Owners:
    """Who owns each name; a second owner is a problem. Callers fold the case of names that may differ in nothing else."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._owned: dict[tuple[str, str], tuple[str, Place, Place]] = {}

    def claim(self, kind: str, word: str, owner: str, person: Place, place: Place) -> None:
        other, other_person, first = self._owned.setdefault((kind, word), (owner, person, place))
        if other_person != person:
            self._problems.add(place, f"{shown(word)}, which belongs to {other} already (line {first.line})", "each name with one person")


def _person(node: Node, problems: Problems, owners: _Owners) -> Person | None:
    fields = Fields(node, problems, "a person")
    id_ = fields.required("id", _person_id)
    aliases = [alias for key in ALIASES for alias in fields.many(key, _placed)]
    os_users, ssh_principals = fields.many("os_users", _placed), fields.many("ssh_principals", _placed)
    person = Person(
        id=id_,
        roles=fields.many("roles", values.name),
        groups=fields.many("groups", values.name),
        os_users=tuple(user for user, _ in os_users),
        ssh_principals=tuple(principal for principal, _ in ssh_principals),
        oidc=fields.many("oidc", _oidc),
        aliases=tuple(dict.fromkeys(alias for alias, _ in aliases)),
    )
    fields.done()
    if id_ is not None:
        owners.claim("name", id_.casefold(), id_, node.place, fields.where("id"))
        for kind, names in (("name", aliases), ("os_user", os_users), ("ssh_principal", ssh_principals)):
            for word, place in names:
                if word != id_ or kind != "name":
                    owners.claim(kind, word.casefold() if kind == "name" else word, id_, node.place, place)
        for identity in person.oidc:
            owners.claim("oidc", f"{identity.iss} {identity.sub}", id_, node.place, fields.where("oidc"))
    return person


def _placed(node: Node, problems: Problems) -> tuple[str, Place] | None:
    value = values.name(node, problems)
    return None if value is None else (value, node.place)


def _person_id(node: Node, problems: Problems) -> str | None:
    value = values.name(node, problems)
    if value is None or not value.startswith(("group:", "role/")):
        return value
    return problems.add(node.place, values.found(node), "the name of a person: group: and role/ begin the names of groups and automation")


def _oidc(node: Node, problems: Problems) -> OidcIdentity | None:
    fields = Fields(node, problems, "an OIDC identity")
    identity = OidcIdentity(iss=fields.required("iss", values.name), sub=fields.required("sub", values.name))
    fields.done()
    return identity
