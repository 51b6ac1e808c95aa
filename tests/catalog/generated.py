"""Replies made from botocore's models: every member of every reply is there, and every text in them is a word of its own."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from driftwatch.aws.calls import Caller
from driftwatch.aws.catalog import load
from driftwatch.aws.collector import AwsCollector
from driftwatch.aws.entry import DetailCall, Entry
from driftwatch.aws.expressions import roots
from driftwatch.aws.planning import Place, plan
from driftwatch.aws.rows import search
from driftwatch.aws.sdk import Sdk
from driftwatch.aws.sessions import Account
from driftwatch.aws.traffic import Limits
from driftwatch.domain.normalize import Normalisation
from driftwatch.domain.resource import Json, Resource
from driftwatch.domain.scan import Reading
from driftwatch.domain.snapshot import Batch, CellRead
from tests.fakes import TEST_KEY, TEST_KEY_ID, FakeCaller

SDK = Sdk()
"""Keeps the models that were read."""
ACCOUNT, REGION = "111122223333", "eu-west-1"
Answers = dict[str, Callable[[Mapping[str, Any], str], Any]]

WORD, END = "canary+", "+end"
"""How every generated text begins and ends. The whole is the base64 of some bytes as well: so bytes are found again, too."""

FIXED: dict[tuple[str, str], object] = {
    ("SecurityGroupRule", "IsEgress"): False,
    ("Deployment", "status"): "PRIMARY",
    ("CachePolicySummary", "Type"): "custom",
    ("OriginRequestPolicySummary", "Type"): "custom",
    ("ResponseHeadersPolicySummary", "Type"): "custom",
}
"""(shape, member) -> the value without which an entry takes nothing of the reply."""
LEFT_OUT = {
    ("FirewallDomainListMetadata", "ManagedOwnerName"),  # then it is AWS's own
}
"""(shape, member) that is not in a reply of which the entry takes something."""
FIXED_FOR: dict[str, dict[tuple[str, str], str]] = {
    f"AWS::DataSync::Location{name}": {("LocationListEntry", "LocationUri"): f"{scheme}://place"}
    for name, scheme in {
        "SMB": "smb",
        "FSxLustre": "fsxl",
        "S3": "s3",
        "EFS": "efs",
        "NFS": "nfs",
        "ObjectStorage": "object-storage",
        "HDFS": "hdfs",
        "FSxWindows": "fsxw",
    }.items()
}
"""The same, where it depends on the type."""


class Filler:
    """Fills shapes; no word comes twice. Every list gets `elements` elements."""

    def __init__(self, elements: int = 1, type_: str = "") -> None:
        self._elements = elements
        self._fixed = {**FIXED, **FIXED_FOR.get(type_, {})}
        self._numbers = itertools.count(1)

    def word(self) -> str:
        return f"{WORD}{next(self._numbers):09d}{END}"

    def filled(self, shape: Any, above: tuple[str, ...] = ()) -> Any:
        """A value for the shape with all its members; what contains itself is filled once."""
        kind = shape.type_name
        inside = (*above, shape.name)
        if kind == "structure":
            members = {
                name: self.filled(one, inside)
                for name, one in shape.members.items()
                if one.name not in inside and (shape.name, name) not in LEFT_OUT
            }
            return members | {name: value for (owner, name), value in self._fixed.items() if owner == shape.name}
        if kind == "list":
            return [] if shape.member.name in inside else [self.filled(shape.member, inside) for _ in range(self._elements)]
        if kind == "map":
            return {} if shape.value.name in inside else {self.filled(shape.key, inside): self.filled(shape.value, inside)}
        if kind in ("string", "character"):
            return shape.enum[0] if getattr(shape, "enum", None) else self.word()
        plain = {
            "boolean": True,
            "timestamp": datetime(2026, 1, 1, tzinfo=UTC),
            "blob": base64.b64decode(self.word()),
            "float": 1,
            "double": 1,
        }
        return plain.get(kind, next(self._numbers))


class GeneratedAws:
    """Answers every question of an entry with filled replies, the same each time. An answer for `FakeCaller` per operation: `answers()`."""

    def __init__(self, entry: Entry, sdk: Sdk, elements: int = 1) -> None:
        self._entry = entry
        self._sdk = sdk
        self._filler = Filler(elements, entry.type)
        self._replies: dict[str, dict[str, Any]] = {}
        self._elements: dict[tuple[str, str], Any] = {}

    def answers(self) -> dict[str, Callable[[Mapping[str, Any], str], Any]]:
        service = self._entry.service
        found: dict[str, Callable[[Mapping[str, Any], str], Any]] = {}
        for detail in self._entry.detail:
            found[f"{service}:{detail.op}"] = lambda params, _, detail=detail: self._detail(detail, params)  # type: ignore[misc]
        found[f"{service}:{self._entry.list.op}"] = lambda _params, _region: self._reply(self._entry.list.op)
        return found

    def _shape(self, operation: str) -> Any:
        return self._sdk.operation(self._entry.service, operation).model.output_shape

    def _reply(self, operation: str) -> dict[str, Any]:
        if operation not in self._replies:
            self._replies[operation] = self._filler.filled(self._shape(operation))
        return self._replies[operation]

    def _detail(self, detail: DetailCall, params: Mapping[str, Any]) -> Any:
        if detail.batch:
            batch, shape = detail.batch, self._shape(detail.op)
            (root,) = roots(detail.take)
            elements = [
                {**self._element(detail.op, str(value), shape.members[root].member), batch.match: value} for value in params[batch.param]
            ]
            return {**self._reply(detail.op), root: elements, **({batch.missing: []} if batch.missing else {})}
        reply = self._reply(detail.op)
        if detail.join:
            listed = search(self._entry.list.items, self._reply(self._entry.list.op))
            for element, item in zip(search(detail.join.list, reply), listed, strict=False):
                element[detail.join.match] = search(detail.join.on, item)
        return reply

    def _element(self, operation: str, asked: str, shape: Any) -> Any:
        if (operation, asked) not in self._elements:
            self._elements[operation, asked] = self._filler.filled(shape)
        return self._elements[operation, asked]


def alone(type_: str) -> dict[str, Entry]:
    """The entries of the type and of those that it is listed under, with nothing that leaves items or calls out."""
    shipped = load()
    found: dict[str, Entry] = {}
    entry: Entry | None = shipped[type_]
    while entry:
        detail = tuple(replace(one, when=None) for one in entry.detail)
        found[entry.type] = replace(entry, detail=detail, keep=None, item_region=None, unreadable=(), settling={})
        entry = shipped[entry.parent.type] if entry.parent else None
    return found


def answers_for(catalog: Mapping[str, Entry], elements: int = 1) -> Answers:
    """What AWS answers to every question of these entries; lists of the first one's replies have so many elements."""
    answers: Answers = {}
    for number, entry in enumerate(catalog.values()):
        answers = {**GeneratedAws(entry, SDK, 1 if number else elements).answers(), **answers}
    return answers


def collection(
    catalog: Mapping[str, Entry],
    type_: str,
    caller: Caller | Answers,
    *,
    limits: Limits | None = None,
    pinned: Normalisation | None = None,
) -> Iterator[Batch | CellRead]:
    """What a scan of the type alone yields."""
    account = Account(id=ACCOUNT, regions=(REGION,))
    (unit,) = plan(catalog, [type_], [Place(account=account, regions=(REGION,))], lambda _: True).units
    reading = Reading(pinned=dict.fromkeys(unit.cells, pinned) if pinned else {})
    with closing(AwsCollector(catalog, [account], TEST_KEY, TEST_KEY_ID, limits=limits or Limits(calls_per_place=2))) as collector:
        yield from collector.read_with(FakeCaller(answers=caller) if isinstance(caller, dict) else caller, unit, reading)


def read(catalog: Mapping[str, Entry], type_: str, caller: Any) -> tuple[list[Resource], CellRead]:
    events = list(collection(catalog, type_, caller))
    (end,) = [event for event in events if isinstance(event, CellRead)]
    return [one for event in events if isinstance(event, Batch) for one in event.resources], end


def document(type_: str) -> dict[str, Json]:
    """A document with all members, as the calls of the entry bring it together, before any rule."""
    catalog = alone(type_)
    bare = replace(catalog[type_], tags=None, drop=(), facts=(), sets={}, ordered=(), lift={}, json={}, lower=(), secret={})
    resources, _ = read({**catalog, type_: bare}, type_, answers_for(catalog, elements=2))
    assert resources, "nothing was read"
    return dict(resources[0].config)
