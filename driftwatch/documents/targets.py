"""Targets and expectations: what a change record covers, as its author wrote it (authorisation specification, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from driftwatch.documents import values
from driftwatch.documents.fields import Fields, some, table
from driftwatch.documents.problems import Problems
from driftwatch.documents.tree import ListNode, Node
from driftwatch.domain.change import Expectation, Target
from driftwatch.domain.drift import DriftKind
from driftwatch.domain.resource import Json

OPERATIONS: Final = values.choice(DriftKind, only=(DriftKind.CREATED, DriftKind.UPDATED, DriftKind.DELETED))
_FORMS: Final = ("equals", "one_of", "matches", "min", "max", "absent")


def target(node: Node, problems: Problems) -> Target | None:
    """One Target. An empty list is refused: it would cover nothing, while leaving the key out covers everything."""
    fields = Fields(node, problems, "a target")
    result = Target(
        accounts=fields.optional("accounts", some(values.account_pattern)),
        regions=fields.optional("regions", some(values.pattern)),
        resource_types=fields.optional("resource_types", some(values.pattern)),
        ids=fields.optional("ids", some(values.pattern)),
        tags=fields.optional("tags", _tags),
        operations=fields.optional("operations", some(OPERATIONS)),
        attribute_paths=fields.optional("attribute_paths", some(values.pointer)),
        expected=fields.many("expected", expectation),
    )
    fields.done()
    return result


def expectation(node: Node, problems: Problems) -> Expectation | None:
    """What the value at a path must be: exactly one of equals, one_of, matches, absent, or min and max."""
    fields = Fields(node, problems, "an expectation")
    given = [form for form in _FORMS if fields.given(form)]
    result = Expectation(
        path=fields.required("path", values.pointer),
        equals=fields.optional("equals", values.json_value),
        equals_given="equals" in given,
        one_of=fields.optional("one_of", some(values.json_value)),
        matches=fields.optional("matches", values.pattern),
        min=fields.optional("min", values.number),
        max=fields.optional("max", values.number),
        absent=fields.either("absent", values.flag, otherwise=False),
    )
    fields.done()
    form = set(given)
    if len(form) != 1 and form != {"min", "max"}:
        problems.add(fields.place, " and ".join(given) or "no condition", "one of " + ", ".join(_FORMS))
    elif form == {"absent"} and not result.absent:
        problems.add(fields.where("absent"), "absent: false", "absent: true, or another condition")
    elif form == {"min", "max"} and result.min is not None and result.max is not None and result.min > result.max:
        problems.add(fields.where("max"), f"max {result.max} below min {result.min}", "max at least as large as min")
    return result


def target_document(given: Target) -> dict[str, Json]:
    """The target as plain JSON that `target` reads back."""
    lists = {
        "accounts": given.accounts,
        "regions": given.regions,
        "resource_types": given.resource_types,
        "ids": given.ids,
        "operations": given.operations,
        "attribute_paths": given.attribute_paths,
    }
    document: dict[str, Json] = {key: [str(item) for item in listed] for key, listed in lists.items() if listed is not None}
    if given.tags is not None:
        document["tags"] = {key: list(allowed) for key, allowed in given.tags.items()}
    if given.expected:
        document["expected"] = [_expectation_document(item) for item in given.expected]
    return document


def _expectation_document(given: Expectation) -> dict[str, Json]:
    conditions: dict[str, Json] = {
        "one_of": None if given.one_of is None else list(given.one_of),
        "matches": given.matches,
        "min": given.min,
        "max": given.max,
        "absent": given.absent or None,
    }
    document = {"path": given.path} | {form: value for form, value in conditions.items() if value is not None}
    return document | ({"equals": given.equals} if given.equals_given else {})


def _tags(node: Node, problems: Problems) -> Mapping[str, tuple[str, ...]] | None:
    def values_of(item: Node, noted: Problems) -> tuple[str, ...] | None:
        if isinstance(item, ListNode):
            return some(values.pattern)(item, noted)
        value = values.pattern(item, noted)
        return None if value is None else (value,)

    tags = table(values_of)(node, problems)
    if tags is not None and not tags and not problems:
        return problems.add(node.place, "no tags", "at least one tag, or no such key at all")
    return tags
