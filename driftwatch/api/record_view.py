"""A change record as its page shows it: every part with a bound, since a record may name thousands of things."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from driftwatch.domain.authorization.unobserved import Unobserved
from driftwatch.domain.canonical import utc_text
from driftwatch.domain.change import ChangeRecord, Expectation, Target
from driftwatch.domain.codec import encode
from driftwatch.domain.resource import Json

TARGETS: Final = 50
ITEMS: Final = 50
"""Targets of a record, and items of one list of it, that a page shows; the rest is counted."""


def row(record: ChangeRecord) -> dict[str, Any]:
    """One line of a list."""
    return {
        "id": record.id,
        "title": record.title,
        "source": record.source,
        "type": record.type.value,
        "state": record.state.value,
        "outcome": record.outcome.value if record.outcome else None,
        "requester": record.requester,
        "created": utc_text(record.created_at),
        "stale": utc_text(record.stale_since) if record.stale_since else None,
    }


def unseen_row(item: Unobserved) -> dict[str, Any]:
    """One line of the list of what never happened, with the first parts that were not seen."""
    parts = [{"id": part.id or f"any resource of target {part.target}", "path": part.path} for part in item.missing[:5]]
    ends = [window.end for window in item.record.windows]
    return row(item.record) | {
        "observed": item.observed.value,
        "until": utc_text(max(ends)) if ends else None,
        "missing": parts,
        "more": len(item.missing) - len(parts),
    }


def whole(record: ChangeRecord) -> dict[str, Any]:
    """Everything that a record says, as far as a page has room."""
    document: dict[str, Any] = encode(replace(record, scope=(), observations=()))
    people = {name: _some(document[name]) for name in ("authors", "implementers", "run_ids")}
    lists = {name: _some(document[name]) for name in ("reviews", "tests", "windows")}
    changed = record.material_changed_at
    approvals = [encode(item) | {"outdated": changed is not None and item.at < changed} for item in record.approvals]
    return (
        document
        | people
        | lists
        | {
            "approvals": _some(approvals),
            "link": record.url if (record.url or "").startswith(("https://", "http://")) else None,
            "scope": [_target(target) for target in record.scope[:TARGETS]],
            "more_targets": max(0, len(record.scope) - TARGETS),
        }
    )


def _some(items: Sequence[Any]) -> dict[str, Any]:
    return {"items": list(items[:ITEMS]), "more": max(0, len(items) - ITEMS)}


def _target(target: Target) -> dict[str, Any]:
    tags = [f"{key}={' or '.join(values)}" for key, values in (target.tags or {}).items()]
    lists: list[tuple[str, Iterable[str] | None, str]] = [
        ("Resources", target.ids, "any"),
        ("Types", target.resource_types, "any"),
        ("Accounts", target.accounts, "any"),
        ("Regions", target.regions, "any"),
        ("Tags", tags or None, ""),
        ("May be", target.operations and [item.value for item in target.operations], "created, updated or deleted"),
        ("Attributes", target.attribute_paths and [path or "the whole resource" for path in target.attribute_paths], "any"),
    ]
    return {
        "lists": [(name, _some(tuple(given)) if given is not None else None, other) for name, given, other in lists if given or other],
        "expected": _some([_expected(item) for item in target.expected]),
    }


def _expected(item: Expectation) -> tuple[str, str, Json]:
    """The path, what has to hold there after the change, and the value that is part of it (None: none)."""
    path = item.path or "the whole resource"
    if item.absent:
        return path, "is gone", None
    if item.one_of is not None:
        return path, "is one of", list(item.one_of)
    if item.matches is not None:
        return path, "matches the pattern", item.matches
    if item.min is not None and item.max is not None:
        return path, f"is from {item.min} to {item.max}", None
    if item.min is not None or item.max is not None:
        return path, f"is at least {item.min}" if item.min is not None else f"is at most {item.max}", None
    return path, "is", "null" if item.equals is None else item.equals
