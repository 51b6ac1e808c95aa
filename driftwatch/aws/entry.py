"""The nouns of the catalogue: an entry and its parts, exactly as they are written in `resource_types/<service>.toml`.

A *path* is member names joined by ``.``; ``[]`` after a name steps into the elements of a list, ``*`` stands for any key of a map, a
name with odd characters stands in double quotes. Where a field says JMESPath, it is a whole JMESPath expression.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StrictBool, StrictInt

from driftwatch.domain.normalisation import Normalisation
from driftwatch.domain.rule_tree import PATH, parse_path, plain_path, rule_tree

TYPE_NAME = r"^[A-Za-z0-9]+(::[A-Za-z0-9]+){2,3}$"
REGION_NAME = r"^[a-z]{2}(-[a-z]+)+-\d$"
BOUND_NAME = r"^[a-z_][A-Za-z0-9_]*$"
OPERATION_NAME = r"^[A-Z][A-Za-z0-9]*$"

_EXPRESSION = re.compile(r"^\$([a-z_][A-Za-z0-9_]*)(?:\.(.+))?$", re.DOTALL)


class Kind(StrEnum):
    LIST = "list"
    CHILD = "child"
    """Listed once under each resource of its parent's type."""
    SINGLETON = "singleton"
    """A setting of the account: exactly one resource in each cell."""


class Paging(StrEnum):
    PAGINATOR = "paginator"
    TOKEN = "token"
    """The operation has a page token but botocore has no paginator for it."""
    SINGLE = "single"


@lru_cache(maxsize=2**16)
def path_segments(path: str) -> tuple[str, ...]:
    """The steps of a path: names, ``[]`` for "each element", ``*`` for "each value". ``A[]."b.c"`` -> ("A", "[]", "b.c").

    Raises ValueError for what is not a path.
    """
    return tuple(str(json.loads(step)) if step.startswith('"') else step for step in parse_path(path))


def expression(value: object) -> tuple[str, str] | None:
    """The name and the path of a parameter's expression: ``$item.Arn`` -> ("item", "Arn"), ``$account`` -> ("account", "").

    None for a literal; ``$Default`` and ``$Latest``, which begin with a capital letter, are EC2's own words.
    """
    found = _EXPRESSION.match(value) if isinstance(value, str) else None
    return (found[1], found[2] or "") if found else None


def _one_or_many(value: object) -> object:
    """A single string or table stands for a list of one."""
    return [value] if isinstance(value, str | Mapping) else value


Text = Annotated[str, Field(strict=True, min_length=1)]
Path = Annotated[Text, Field(pattern=PATH)]
Operation = Annotated[Text, Field(pattern=OPERATION_NAME)]
TypeName = Annotated[Text, Field(pattern=TYPE_NAME)]
Params = Mapping[Text, Any]
Codes = tuple[Text, ...]
Every = Annotated[StrictInt, Field(ge=1)] | Literal["on-change"]
"""How often a call is made: in each n-th scheduled scan, or when the item of its resource is another one than at its last reading. A scan
that a person asked for makes every call. See `aws.kept` for details, `operations.due` for listings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """`bind`: name -> path in the parent's item; the value is available as ``$name`` in the child's parameters."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    type: TypeName
    bind: Annotated[Mapping[Annotated[Text, Field(pattern=BOUND_NAME)], Text], Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListCall:
    """The listing: `items` is a JMESPath applied to each page; `off` the error codes that mean "service not enabled here"."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    op: Operation
    items: Text
    params: Annotated[tuple[Params, ...], BeforeValidator(_one_or_many), Field(min_length=1)] = field(default_factory=lambda: ({},))
    """One listing is made with each set of parameters."""
    paging: Paging | None = None
    """None: the paginator where botocore has one, else a single call."""
    off: Codes = ()
    absent: Codes = ()
    """Error codes that mean "there is none": the listing is complete and empty. Under a parent: it has none, or it was deleted between the
    calls. Neither these nor those of `off` are taken for an answer once a page has come: then the rest is missing."""
    strip: Mapping[Text, Text] = field(default_factory=dict)
    """member -> literal prefix that is taken off its text in every item before anything else looks at it."""
    every: Annotated[StrictInt, Field(ge=1)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One call for up to `size` items. `match` is the path, in a returned element, of the value that was asked for."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    param: Text
    size: Annotated[StrictInt, Field(ge=1)]
    match: Text
    missing: Text | None = None
    """Path of the reply's list of items that could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """One paginated call per cell: `list` is a JMESPath per page, `match` a path in its items, `on` a path in our item."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    list: Text
    match: Text
    on: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailCall:
    """A further call for each item. `into`: a member's name, ``@`` (replaces the item) or ``+`` (members are merged into the item)."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    into: Text
    op: Operation
    params: Params = field(default_factory=dict)
    take: Text = "@"
    """JMESPath on the reply: per page where the call has pages, on the joined item where there is a `join`."""
    absent: Codes = ()
    """Error codes that mean "this resource has none": the member is left out."""
    off: Codes = ()
    batch: Batch | None = None
    join: Join | None = None
    every: Every | None = None
    paging: Paging | None = None
    when: Text | None = None
    """JMESPath predicate on the item: where it is false, the call has no meaning for this resource, and is not made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class One:
    """How one resource is read by its id, without the rest of its cell. A singleton needs none of it: its listing reads just the one.

    Parameters may use ``$id``, ``$ids`` (several ids in one call), ``$item.Path`` where the id holds that path, and names that it binds.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    params: Params = field(default_factory=dict)
    op: Operation | None = None
    """None: the listing's own operation, asked for these ids only."""
    items: Text | None = None
    """JMESPath to a list of items, each as in the listing; None: the listing's."""
    item: Any = None
    """There is nothing to ask: the listing's item says no more than its id. It is made here, and the details bring the rest."""
    whole: StrictBool = False
    """No call takes an id: the listing is read, only until the wanted are found, and only their details."""
    size: Annotated[StrictInt, Field(ge=1)] = 50
    """Ids in one call, where it takes ``$ids``."""
    pattern: Text | None = None
    """A regular expression for the whole id; its named groups are bound."""
    absent: Codes = ()
    """Error codes that mean that there is no such resource. With `item`, those of the first detail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """How one resource type is listed, completed, named and normalised."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    type: TypeName
    list: ListCall
    service: Text
    """botocore's client name."""
    aliases: tuple[Text, ...] = ()
    kind: Kind = Kind.LIST
    scope: Annotated[Text, Field(pattern=rf"^(regional|global)$|{REGION_NAME}")] = "regional"
    regions: tuple[Annotated[Text, Field(pattern=REGION_NAME)], ...] = ()
    item_region: Text | None = None
    keep: Text | None = None
    """JMESPath predicate: where it is false, the item is no resource of this type."""
    parent: Parent | None = None
    id: Annotated[tuple[Text, ...], BeforeValidator(_one_or_many)] = ()
    """Paths, and ``$name`` for what the parent binds; empty only for a singleton, whose id is the last word of its type."""
    arn: Text | None = None
    """A path, or a template that begins with ``arn:``."""
    label: Text | None = None
    tags: Path | None = None
    owner: Text | None = None
    detail: tuple[DetailCall, ...] = ()
    one: One | None = None
    unreadable: tuple[Path, ...] = ()
    """What is there only if the service could not read a part of the resource: then the resource is a Gap, whose state is unknown."""
    settling: Mapping[Path, tuple[Text, ...]] = field(default_factory=dict)
    """path -> the values that say that the service is still changing the resource; no values: whatever stands there says so. Such a
    resource is a Gap until it has settled: half a change is neither reported nor taken for the whole."""
    facts: tuple[Path, ...] = ()
    """What moves by itself, and people want to see all the same: kept beside the configuration, not compared."""
    drop: tuple[Path, ...] = ()
    reviewed: tuple[Path, ...] = ()
    sets: Mapping[Path, tuple[Text, ...]] = field(default_factory=dict)
    ordered: tuple[Path, ...] = ()
    lift: Mapping[Path, tuple[Text, Text]] = field(default_factory=dict)
    json: Mapping[Path, Literal["iam-policy", "json", "json-escaped", "yaml-or-json"]] = field(default_factory=dict)
    lower: tuple[Path, ...] = ()
    secret: Mapping[Path, Literal["value", "map-values", "whole"]] = field(default_factory=dict)
    repeats: TypeName | None = None
    """The type that shows every change of this one as well: it is read only where the configuration names it, or one change would be told,
    and have to be authorised, twice."""
    iam: Mapping[Text, tuple[Text, ...]] = field(default_factory=dict)
    events: tuple[Text, ...] = ()
    note: Text | None = None

    @property
    def operations(self) -> tuple[str, ...]:
        """Every operation that reading a cell of this type calls, the listing first, each once."""
        return tuple(dict.fromkeys((self.list.op, *(detail.op for detail in self.detail))))

    @property
    def every_operation(self) -> tuple[str, ...]:
        """`operations`, and the one that reads a resource by itself."""
        return tuple(dict.fromkeys((*self.operations, *([self.one.op] if self.one and self.one.op else []))))

    @property
    def normalisation(self) -> Normalisation:
        """The fields that decide what the canonical form looks like (they make up the shape)."""
        return Normalisation(
            tags=self.tags,
            drop=(*self.drop, *self.facts),
            lift=self.lift,
            sets=self.sets,
            ordered=self.ordered,
            json=self.json,
            lower=self.lower,
            secret=self.secret,
        )


def entry_faults(entry: Entry) -> Iterable[tuple[str, str]]:
    """What is wrong with an entry in itself, before the SDK's models are asked: (field, sentence)."""
    if (entry.kind is Kind.CHILD) != (entry.parent is not None):
        yield "parent" if entry.parent else "kind", 'kind = "child" and parent = {...} go together'
    if not entry.id and entry.kind is not Kind.SINGLETON:
        yield "type", "id is missing"
    if entry.id and all(expression(part) for part in entry.id):
        yield "id", "id names nothing of the item itself"
    if entry.kind is Kind.SINGLETON and len(entry.list.params) > 1:
        yield "list", "a singleton is read with one set of parameters"
    if both := sorted(set(entry.list.off) & set(entry.list.absent)):
        yield "list", f"{', '.join(both)} cannot mean both that the service is off and that there is none"
    for path in entry.reviewed:
        if path_segments(path)[0] == "*":
            yield "reviewed", "a wildcard at top level reviews nothing: name the members"
    try:
        rule_tree(entry.normalisation)
        plain_path(entry.tags or "Tags")
    except ValueError as error:
        yield "tags", str(error)
    yield from _detail_faults(entry)


def _detail_faults(entry: Entry) -> Iterable[tuple[str, str]]:
    intos = [detail.into for detail in entry.detail if detail.into not in ("@", "+")]
    for into in sorted({into for into in intos if intos.count(into) > 1}):
        yield "detail", f"two details go into {into}"
    for detail in entry.detail:
        if detail.batch and detail.join:
            yield "detail", f"{detail.op}: batch and join exclude each other"
        if detail.when and (detail.join or detail.into == "@"):
            yield "detail", f"{detail.op}: when is for further details of a resource: not for a join, and not for what replaces the item"
        if detail.every and (detail.batch or detail.join):
            yield "detail", f"{detail.op}: every is for details that are read one by one; a batch or a join is read in every scan"
