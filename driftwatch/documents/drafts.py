"""Records for the built-in register: written as for the `files` source, but without what the register's own commands say.

Who approved, when anything happened and where the record stands come from identified people and the register's clock. A record that
brings them along is refused with the place, so that nobody believes in an approval that does not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from driftwatch.documents import values
from driftwatch.documents.changes import change_record
from driftwatch.documents.problems import Problems
from driftwatch.documents.reader import read
from driftwatch.documents.targets import target_document
from driftwatch.documents.tree import LIMITS, Limits, ListNode, MapNode, Node, Scalar
from driftwatch.domain.canonical import utc_text
from driftwatch.domain.change import ChangeRecord, ChangeState
from driftwatch.domain.codec import encode
from driftwatch.domain.resource import Json
from driftwatch.errors import Place

_NOT_FROM_OUTSIDE: Final = {
    "approvals": "no approvals: approvers give theirs with `driftwatch changes approve`",
    "reviews": "no reviews: reviewers give theirs with `driftwatch changes review`",
    "observations": "no observations: only a poller of another system has them",
    "outcome": "no outcome: `driftwatch changes close` asks for it",
    **dict.fromkeys(
        ("material_changed_at", "implemented_at", "closed_at", "cancelled_at", "rejected_at"),
        "no such time: the register's clock sets it when that happens",
    ),
}
_WRITTEN: Final = (
    *("id", "url", "title", "type", "risk", "requester", "authors", "implementers", "rollback_plan", "incident_id", "template_id"),
    *("artifact_ref", "run_ids", "tests", "windows"),
)


def read_draft(data: bytes, source: str, now: datetime, limits: Limits = LIMITS) -> ChangeRecord:
    """The one record of a file; raises InputError with every problem of it. `created_at` is now, whatever the file says."""
    return _draft(read(data, source, limits), now)


def draft(document: Mapping[str, Json], origin: str, now: datetime, places: Mapping[str, str] | None = None) -> ChangeRecord:
    """The record that a mapping of plain values describes; `places` says for a key where its value came from (a flag), else `origin`."""
    named = places or {}
    entries = {key: _node(value, Place(named.get(key, origin))) for key, value in document.items()}
    return _draft(MapNode(Place(origin), entries, {key: entry.place for key, entry in entries.items()}), now)


def draft_document(record: ChangeRecord) -> dict[str, Json]:
    """What a record's author wrote, as plain JSON that `draft` and `read_draft` read back."""
    document = {name: encode(getattr(record, name)) for name in _WRITTEN}
    kept = {name: value for name, value in document.items() if value not in (None, [])}
    kept["tests"] = [{key: value for key, value in test.items() if value is not None} for test in document["tests"]]
    kept["scope"] = [target_document(target) for target in record.scope]
    return {name: value for name, value in kept.items() if value != []}


def _draft(node: Node, now: datetime) -> ChangeRecord:
    problems = Problems()
    if isinstance(node, MapNode):
        _refuse_given(node, problems)
        clock = Scalar(node.place, utc_text(now), plain=True)
        entries = {key: value for key, value in node.entries.items() if key not in _NOT_FROM_OUTSIDE}
        node = MapNode(node.place, {**entries, "created_at": clock}, {**node.keys, "created_at": node.place})
    record = change_record(node, problems)
    problems.check()
    assert record is not None, "a record without problems is one"
    return replace(record, state=ChangeState.DRAFT)


def _refuse_given(node: MapNode, problems: Problems) -> None:
    for key, expected in _NOT_FROM_OUTSIDE.items():
        given = node.entries.get(key)
        if given is not None and not values.is_null(given) and not (isinstance(given, ListNode) and not given.items):
            problems.add(node.keys[key], f'"{key}" in a record for the register', expected)
    state = node.entries.get("state")
    if isinstance(state, Scalar) and state.text != ChangeState.DRAFT.value:
        problems.add(state.place, f"the state {values.found(state)}", "draft, or no state: the register's commands move it on")
    if (created := node.entries.get("created_at")) is not None:
        values.moment(created, problems)


def _node(value: Json, place: Place) -> Node:
    """Plain values as the nodes that reading them from JSON would give, all at one place."""
    if isinstance(value, Mapping):
        return MapNode(place, {key: _node(item, place) for key, item in value.items()}, dict.fromkeys(value, place))
    if isinstance(value, list | tuple):
        return ListNode(place, tuple(_node(item, place) for item in value))
    if isinstance(value, str):
        return Scalar(place, value, plain=False)
    text = {None: "null", True: "true", False: "false"}[value] if value is None or isinstance(value, bool) else str(value)
    return Scalar(place, text, plain=True)
