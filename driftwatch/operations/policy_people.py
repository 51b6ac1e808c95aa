"""The people of a policy: names that nobody bears, roles that nobody holds, names that look alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from driftwatch.documents.origins import Traced
from driftwatch.domain.authorization import words
from driftwatch.domain.authorization.identity import Identities
from driftwatch.domain.authorization.lookalikes import alike, scripts
from driftwatch.domain.authorization.policy import Mode, RoleGroups
from driftwatch.domain.baseline import Assurance
from driftwatch.errors import Place
from driftwatch.operations.policy_remarks import Remark, error, warning

_Key = tuple[str | int, ...]


def people_remarks(traced: Traced) -> Iterator[Remark]:
    """Every remark about people. Where the policy knows nobody at all, no single name is told to be unknown."""
    people = Identities(traced.policy.context)
    yield from _roles_nobody_holds(traced)
    yield from _unknown_names(traced, people)
    yield from _self_approved_templates(traced, people)
    yield from _confusable(traced, people)
    yield from _pipelines_that_are_people(traced, people)
    staff = traced.people.persons
    if traced.policy.min_assurance is Assurance.SIGNED and staff and not any(item.ssh_principals or item.oidc for item in staff):
        told = "approvals of baselines have to be signed, but nobody in the people file has a key (ssh_principals or oidc)"
        yield error(traced.place("min_assurance"), "unsatisfiable", told)


def _roles_nobody_holds(traced: Traced) -> Iterator[Remark]:
    policy = traced.policy
    held = {role for roles in policy.context.roles.values() for role in roles}
    wanted: list[tuple[_Key, RoleGroups, str, str]] = [
        (("approvals", "role_groups"), policy.approvals.role_groups, "R4", "no normal change can ever be approved"),
        (
            ("approvals", "high_risk_role_groups"),
            policy.approvals.high_risk_role_groups,
            "R4",
            "no change of high risk can ever be approved",
        ),
        (("baseline", "role_groups"), policy.baseline.role_groups, "R13", "no proposed baseline can ever be approved"),
    ]
    for key, groups, rule, so in wanted:
        for group in groups:
            if held.isdisjoint(group):
                told = f"nobody holds the role {words.listed(list(group), 'or')}: {so}"
                enforced = policy.mode(rule) is Mode.ENFORCE
                yield error(traced.place(*key), "unsatisfiable", told) if enforced else warning(traced.place(*key), "nobody_holds", told)
    for number, freeze in enumerate(policy.context.freezes):
        if freeze.override_role not in held:
            told = f"nobody holds the role {freeze.override_role}: nobody can lift the freeze {freeze.id}"
            yield warning(traced.place("freezes", number, "override_role"), "nobody_holds", told)


def _unknown_names(traced: Traced, people: Identities) -> Iterator[Remark]:
    context = traced.policy.context
    if not context.identities:
        return
    named: list[tuple[_Key, str, str]] = [
        *(
            (("deviations", at, "approved_by"), item.approved_by, f"approved the deviation for {item.rule}")
            for at, item in enumerate(traced.policy.deviations)
        ),
        *((("roles", who), who, "holds roles") for who in context.roles),
    ]
    for at, template in enumerate(context.templates):
        named.append((("templates", at, "author"), template.author, f"wrote the template {template.id}"))
        if template.approved_by:
            named.append((("templates", at, "approved_by"), template.approved_by, f"approved the template {template.id}"))
    for group, members in context.groups.items():
        named += [(("groups", group, at), who, f"is in {group}") for at, who in enumerate(members)]
        if not members:
            yield warning(traced.place("groups", group), "empty_group", f"{group} has no members")
    for key, who, does in named:
        if people.unresolved([who]):
            yield warning(traced.place(*key), "unknown_person", f"{who}, who {does}, is none of the people that are known")


def _self_approved_templates(traced: Traced, people: Identities) -> Iterator[Remark]:
    for at, template in enumerate(traced.policy.context.templates):
        if template.approved_by and people.resolve(template.author) == people.resolve(template.approved_by):
            told = f"the template {template.id} was approved by its author: it authorises nothing (R17)"
            yield error(traced.place("templates", at, "approved_by"), "self_approved_template", told)


def _confusable(traced: Traced, people: Identities) -> Iterator[Remark]:
    names = set(_all_names(traced))
    for group in alike(names):
        owners = sorted({people.resolve(name) for name in group})
        if len(owners) > 1:
            told = f"the names {words.listed([ascii(name)[1:-1] for name in group])} look alike, and are not the same: they are never equal"
            yield warning(_place_of(traced, group), "names_look_alike", told)
    for name in sorted(names):
        mixed = scripts(name)
        if len(mixed) > 1:
            told = f"the name {ascii(name)[1:-1]} mixes letters of {words.listed([script.capitalize() for script in mixed])}"
            yield warning(_place_of(traced, [name]), "mixed_scripts", told)


def _all_names(traced: Traced) -> Iterator[str]:
    context = traced.policy.context
    for person, aliases in context.identities.items():
        yield from (person, *aliases)
    for who, roles in context.roles.items():
        yield from (who, *roles)
    for group, members in context.groups.items():
        yield from (group, *members)
    for template in context.templates:
        yield from filter(None, (template.id, template.author, template.approved_by))
    yield from (item.approved_by for item in traced.policy.deviations)


def _place_of(traced: Traced, names: Iterable[str]) -> Place:
    """Where the policy file has one of the names as a key; the file as a whole where it stands elsewhere."""
    known = [
        place for name in names for key in ("identities", "roles", "groups") if (place := traced.place(key, name)) != traced.place(key)
    ]
    return known[0] if known else traced.place()


def _pipelines_that_are_people(traced: Traced, people: Identities) -> Iterator[Remark]:
    for person, aliases in traced.policy.context.identities.items():
        taken = [name for name in (person, *aliases) if people.is_pipeline(name)]
        if taken:
            told = f"{taken[0]}, a name of {person}, matches a registered pipeline: as a pipeline it counts as nobody's act"
            yield error(traced.place("pipelines"), "person_is_pipeline", told)
