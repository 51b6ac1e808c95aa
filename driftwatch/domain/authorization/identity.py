"""Who is who: every principal is resolved to one canonical name before anything is compared."""

from __future__ import annotations

from collections.abc import Iterable

from driftwatch.domain.authorization.glob import any_matches
from driftwatch.domain.authorization.policy import PolicyContext
from driftwatch.errors import InputError

_GROUP = "group:"
_AUTOMATION = "role/"
_SERVICE = ".amazonaws.com"


class Identities:
    """The people, roles, groups and pipelines that a policy knows. Names are compared exactly, case included.

    Raises InputError where one alias belongs to two people: then nobody could say who did something.
    """

    def __init__(self, context: PolicyContext) -> None:
        self._canonical = _canonical_names(context)
        self._roles: dict[str, set[str]] = {}
        self._groups: dict[str, set[str]] = {}
        for person, roles in context.roles.items():
            self._roles.setdefault(self.resolve(person), set()).update(roles)
        for group, members in context.groups.items():
            for member in members:
                self._groups.setdefault(self.resolve(member), set()).add(group)
        self._pipelines = context.pipelines
        self._aliases = context.identities

    def resolve(self, principal: str) -> str:
        """The canonical name of a principal; one that the policy does not know stands for itself."""
        return self._canonical.get(principal, principal)

    def knows(self, principal: str) -> bool:
        """Whether the policy's identities name this principal."""
        return principal in self._canonical

    def is_person(self, principal: str) -> bool:
        """Whether this names a person: no group, no automation role, no registered pipeline, no AWS service."""
        return not (principal.startswith((_GROUP, _AUTOMATION)) or principal.endswith(_SERVICE) or self.is_pipeline(principal))

    def names(self, principal: str) -> frozenset[str]:
        """Every name of a principal: a pattern that matches any of them means it."""
        person = self.resolve(principal)
        return frozenset({principal, person, *self._aliases.get(person, ())})

    def roles(self, principal: str) -> frozenset[str]:
        """The roles that the policy gives a person; what a ticket claims does not count."""
        return frozenset(self._roles.get(self.resolve(principal), ()))

    def groups(self, principal: str) -> frozenset[str]:
        """The groups (``group:<name>``) that a person belongs to."""
        return frozenset(self._groups.get(self.resolve(principal), ()))

    def among(self, principal: str, named: Iterable[str]) -> bool:
        """Whether a principal is one of those named, under any of its names, or belongs to a group that is."""
        names = {self.resolve(name) for name in named}
        return self.resolve(principal) in names or not self.groups(principal).isdisjoint(names)

    def is_pipeline(self, principal: str) -> bool:
        """Whether this is a pipeline that the policy registers, under any of its names."""
        return any(any_matches(self._pipelines, name) for name in self.names(principal))

    def people(self, principals: Iterable[str | None]) -> frozenset[str]:
        """The canonical names of the persons among `principals`."""
        resolved = {self.resolve(principal) for principal in principals if principal}
        return frozenset(person for person in resolved if self.is_person(person))

    def unresolved(self, principals: Iterable[str | None]) -> tuple[str, ...]:
        """The persons among `principals` whom the policy's identities do not name, sorted: separation of duties cannot see through them."""
        return tuple(sorted(person for person in self.people(principals) if person not in self._canonical))


def _canonical_names(context: PolicyContext) -> dict[str, str]:
    canonical = {person: person for person in context.identities}
    for person, aliases in context.identities.items():
        for alias in aliases:
            owner = canonical.setdefault(alias, person)
            if owner != person:
                raise InputError(f"{alias!r} is a name of both {owner} and {person}", expected="each name to belong to one person")
    return canonical
