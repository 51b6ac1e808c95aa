"""Arrangements that stand in a policy: templates of standard changes, change freezes, and what only a pipeline may change."""

from __future__ import annotations

from typing import Final

from driftwatch.documents import values
from driftwatch.documents.changes import window
from driftwatch.documents.fields import Fields, each_once, items, some
from driftwatch.documents.problems import Problems
from driftwatch.documents.targets import target, target_document
from driftwatch.documents.tree import MapNode, Node
from driftwatch.domain.authorization.policy import Freeze, Template, TemplateStatus
from driftwatch.domain.canonical import utc_text
from driftwatch.domain.change import ChangeType, Target
from driftwatch.domain.resource import Json

_EXEMPT: Final = (ChangeType.EMERGENCY,)


def templates(node: Node, problems: Problems) -> tuple[Template, ...] | None:
    """The templates of standard changes; an id that stands twice is refused."""
    return each_once(_template)(node, problems)


def freezes(node: Node, problems: Problems) -> tuple[Freeze, ...] | None:
    """The change freezes; an id that stands twice is refused."""
    return each_once(_freeze)(node, problems)


def restriction(node: Node, problems: Problems) -> Target | None:
    """A target that holds people back: it says where and, if it wants, what; which value is meant to come of it is not looked at."""
    result = target(node, problems)
    if isinstance(node, MapNode) and "expected" in node.entries:
        problems.add(node.keys["expected"], '"expected", which is not looked at here', "the other keys of a target")
    if result == Target():
        wanted = 'something that it names, such as resource_types: ["*"] for everything'
        return problems.add(node.place, "a target that names nothing", wanted)
    return result


def template_document(template: Template) -> dict[str, Json]:
    """The template as plain JSON that `templates` reads back."""
    return {
        "id": template.id,
        "status": template.status.value,
        "author": template.author,
        "approved_by": template.approved_by,
        "valid_from": utc_text(template.valid_from),
        "valid_until": utc_text(template.valid_until),
        "windows": [{"start": utc_text(item.start), "end": utc_text(item.end)} for item in template.windows],
        "scope": [target_document(item) for item in template.scope],
    }


def freeze_document(freeze: Freeze) -> dict[str, Json]:
    """The freeze as plain JSON that `freezes` reads back."""
    document: dict[str, Json] = {
        "id": freeze.id,
        "start": utc_text(freeze.start),
        "end": utc_text(freeze.end),
        "override_role": freeze.override_role,
        "exempt_types": [kind.value for kind in freeze.exempt_types],
    }
    return document | ({"scope": [target_document(item) for item in freeze.scope]} if freeze.scope else {})


def _template(node: Node, problems: Problems) -> Template | None:
    fields = Fields(node, problems, "a template")
    template = Template(
        id=fields.required("id", values.name),
        status=fields.required("status", values.choice(TemplateStatus)),
        author=fields.required("author", values.name),
        approved_by=fields.optional("approved_by", values.name),
        valid_from=fields.required("valid_from", values.moment),
        valid_until=fields.required("valid_until", values.moment),
        scope=fields.required("scope", some(target)),
        windows=fields.many("windows", window),
    )
    fields.done()
    if template.valid_from and template.valid_until and template.valid_until <= template.valid_from:
        return problems.add(fields.where("valid_until"), "a template that ends before it begins", "valid_until after valid_from")
    return template


def _freeze(node: Node, problems: Problems) -> Freeze | None:
    fields = Fields(node, problems, "a freeze")
    freeze = Freeze(
        id=fields.required("id", values.name),
        start=fields.required("start", values.moment),
        end=fields.required("end", values.moment),
        override_role=fields.required("override_role", values.name),
        scope=fields.many("scope", restriction),
        exempt_types=fields.either("exempt_types", items(values.choice(ChangeType)), _EXEMPT),
    )
    fields.done()
    if freeze.start and freeze.end and freeze.end <= freeze.start:
        return problems.add(fields.where("end"), "a freeze that ends before it starts", "an end after the start")
    return freeze
