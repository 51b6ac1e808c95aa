"""The policy's context: what the rules need to know about this organisation, from the policy file and from the people file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from driftwatch.documents import arrangements, values
from driftwatch.documents.fields import Fields, items, some, table
from driftwatch.documents.people import People
from driftwatch.documents.problems import Problems
from driftwatch.documents.targets import OPERATIONS, target_document
from driftwatch.documents.tree import MapNode, Node, shown
from driftwatch.domain.authorization.policy import Ignore, MachineActor, PolicyContext
from driftwatch.domain.resource import Json
from driftwatch.errors import InputError

CONTEXT_KEYS: Final = (
    *("production_accounts", "non_production_environments", "identities", "roles", "groups", "pipelines", "machine_actors"),
    *("privileged_actors", "pipeline_only", "templates", "freezes", "ignore"),
)
"""The keys that `read_context` reads."""

_EVERYTHING: Final = re.compile(r"(/[*?]*)*")
_NAMES: Final = items(values.name)


def read_context(fields: Fields) -> PolicyContext:
    """The context that stands among `fields` (a policy file has it at top level, a case file under `context`)."""
    return PolicyContext(
        production_accounts=fields.optional("production_accounts", some(values.account)),
        identities=fields.either("identities", _identities, {}),
        roles=fields.either("roles", table(_NAMES), {}),
        groups=fields.either("groups", _groups, {}),
        pipelines=fields.many("pipelines", _pipeline),
        machine_actors=fields.many("machine_actors", _machine_actor),
        non_production_environments=fields.many("non_production_environments", values.name),
        privileged_actors=fields.many("privileged_actors", values.pattern),
        pipeline_only=fields.many("pipeline_only", arrangements.restriction),
        templates=fields.either("templates", arrangements.templates, ()),
        freezes=fields.either("freezes", arrangements.freezes, ()),
        ignore=fields.many("ignore", _ignore),
    )


def context_document(context: PolicyContext) -> dict[str, Json]:
    """The context as plain JSON that `read_context` reads back."""
    document = {
        "production_accounts": _listed(context.production_accounts),
        "identities": {person: list(aliases) for person, aliases in context.identities.items()},
        "roles": {person: list(roles) for person, roles in context.roles.items()},
        "groups": {group: list(persons) for group, persons in context.groups.items()},
        "pipelines": [{"principal": glob} for glob in context.pipelines],
        "machine_actors": [_present(_machine_actor_document(actor)) for actor in context.machine_actors],
        "non_production_environments": list(context.non_production_environments),
        "privileged_actors": list(context.privileged_actors),
        "pipeline_only": [target_document(item) for item in context.pipeline_only],
        "templates": [_present(arrangements.template_document(item)) for item in context.templates],
        "freezes": [arrangements.freeze_document(item) for item in context.freezes],
        "ignore": [
            _present(
                {
                    "resource_types": list(item.resource_types),
                    "attribute_paths": list(item.attribute_paths),
                    "reason": item.reason,
                }
            )
            for item in context.ignore
        ],
    }
    return _present(document)


def joined(context: PolicyContext, people: People) -> PolicyContext:
    """The context with the people's identities, roles and groups; raises InputError when a name then belongs to two persons."""
    identities = _united(context.identities, people.identities())
    owners: dict[str, str] = {}
    for person, aliases in identities.items():
        for word in (person, *aliases):
            owner = owners.setdefault(word.casefold(), person)
            if owner != person:
                raise InputError(
                    f"{shown(word)} belongs to {owner} and to {person} in the policy and the people file",
                    expected="each name with one person",
                )
    return replace(
        context,
        identities=identities,
        roles=_united(context.roles, people.roles()),
        groups=_united(context.groups, people.groups()),
    )


def _united(one: Mapping[str, tuple[str, ...]], other: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {
        key: tuple(dict.fromkeys((*one.get(key, ()), *other.get(key, ())))) for key in (*one, *(key for key in other if key not in one))
    }


def _identities(node: Node, problems: Problems) -> Mapping[str, tuple[str, ...]] | None:
    identities = table(_NAMES)(node, problems)
    owners: dict[str, str] = {}
    for person, aliases in (identities or {}).items():
        for word in (person, *aliases):
            owner = owners.setdefault(word.casefold(), person)
            if owner != person and isinstance(node, MapNode):
                problems.add(node.keys[person], f"{shown(word)}, which belongs to {owner} already", "each name with one person")
    return identities


def _groups(node: Node, problems: Problems) -> Mapping[str, tuple[str, ...]] | None:
    groups = table(_NAMES)(node, problems)
    for group in groups or {}:
        if not group.startswith("group:") and isinstance(node, MapNode):
            problems.add(node.keys[group], shown(group), f'"group:{group}"')
    return groups


def _pipeline(node: Node, problems: Problems) -> str | None:
    fields = Fields(node, problems, "a pipeline")
    principal = fields.required("principal", values.pattern)
    fields.done()
    return principal


def _machine_actor(node: Node, problems: Problems) -> MachineActor | None:
    fields = Fields(node, problems, "a machine actor")
    actor = MachineActor(
        principals=fields.required("principals", some(values.pattern)),
        resource_types=fields.optional("resource_types", some(values.pattern)),
        ids=fields.optional("ids", some(values.pattern)),
        attribute_paths=fields.optional("attribute_paths", some(values.pointer)),
        operations=fields.optional("operations", some(OPERATIONS)),
        allow_unattributed=fields.either("allow_unattributed", values.flag, otherwise=False),
    )
    fields.done()
    return actor


def _ignore(node: Node, problems: Problems) -> Ignore | None:
    fields = Fields(node, problems, "an ignore")
    ignore = Ignore(
        resource_types=fields.required("resource_types", some(values.pattern)),
        attribute_paths=fields.required("attribute_paths", some(_part_of_a_resource)),
        reason=fields.optional("reason", values.text),
    )
    fields.done()
    return ignore


def _part_of_a_resource(node: Node, problems: Problems) -> str | None:
    """A pointer that does not cover every path: a whole resource that is ignored would be an all-clear without a look."""
    value = values.pointer(node, problems)
    if value is not None and _EVERYTHING.fullmatch(value):
        return problems.add(node.place, f"{values.found(node)}, which covers the whole resource", "paths of single attributes")
    return value


def _machine_actor_document(actor: MachineActor) -> dict[str, Json]:
    return {
        "principals": list(actor.principals),
        "resource_types": _listed(actor.resource_types),
        "ids": _listed(actor.ids),
        "attribute_paths": _listed(actor.attribute_paths),
        "operations": _listed(actor.operations),
        "allow_unattributed": actor.allow_unattributed,
    }


def _listed(values_: Iterable[str] | None) -> list[str] | None:
    return None if values_ is None else [str(value) for value in values_]


def _present(document: dict[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in document.items() if value is not None}
