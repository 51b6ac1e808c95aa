"""From a Terraform plan to Targets: what each planned change is in driftwatch's resource types, ids, pointers and values.

Never wider than the plan: what the map does not know yields no target, and a note that says so. What is still to be created has no id
yet; it is matched by name or tags, which is weaker, and said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from driftwatch.documents.terraform_attributes import Scope, changed_scope, expected_of, hides
from driftwatch.documents.terraform_map import Rules, TypeMap, filled
from driftwatch.documents.terraform_plan import PlannedChange, flagged
from driftwatch.documents.terraform_rules import RuleChange, rule_change, scope_of
from driftwatch.domain.authorization.glob import is_exact
from driftwatch.domain.change import Expectation, Target
from driftwatch.domain.drift import DriftKind
from driftwatch.domain.resource import Json

CREATED, UPDATED, DELETED = DriftKind.CREATED, DriftKind.UPDATED, DriftKind.DELETED
_ACCOUNT_DIGITS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTarget:
    """A target with the Terraform address that it is for; `weaker` says why it is less exact than an id and single paths."""

    address: str
    target: Target
    weaker: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanScope:
    """What a plan comes to: its targets, and a line for everything of it that no target covers."""

    targets: tuple[PlannedTarget, ...]
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Group:
    """The rules of one security group, which a plan may spread over many resources."""

    type: str
    addresses: list[str] = field(default_factory=list)
    changes: list[RuleChange] = field(default_factory=list)
    account: str | None = None


def plan_scope(changes: Iterable[PlannedChange], types: Mapping[str, TypeMap], account: str | None = None) -> PlanScope:
    """The targets of a plan's changes. `account` is where the plan is applied, for resources whose attributes do not tell."""
    reading = _Reading(types, account)
    for change in changes:
        reading.take(change)
    reading.take_groups()
    return PlanScope(targets=tuple(reading.targets), notes=tuple(reading.notes))


class _Reading:
    def __init__(self, types: Mapping[str, TypeMap], account: str | None) -> None:
        self._types = types
        self._account = account
        self._groups: dict[str, _Group] = {}
        self.targets: list[PlannedTarget] = []
        self.notes: list[str] = []

    def take(self, change: PlannedChange) -> None:
        entry = self._types.get(change.type) if change.aws else None
        if entry is None:
            what = f"the map does not know {change.type}" if change.aws else f"{change.type} is not of the AWS provider"
            self.notes.append(f"{change.address}: {what}: no target")
        elif entry.of and entry.rules:
            self._rules_of(change, entry, filled(entry.of, {**change.before, **change.after}))
        elif entry.of:
            self._part(change, entry, entry.of)
        elif entry.replaced_as_update and len(change.operations) > 1:
            self._update(change, entry)
        else:
            self._tell_same_name(change, entry)
            for operation in change.operations:
                {CREATED: self._create, UPDATED: self._update, DELETED: self._delete}[operation](change, entry)

    def take_groups(self) -> None:
        """The rules of each group, now that all of them are known."""
        for group, item in self._groups.items():
            paths, expected, unsure = scope_of(item.changes)
            if paths:
                weaker = "the plan does not say whether other rules share these ports: it covers their permission, too" if unsure else None
                scope = Scope(paths=paths, expected=expected)
                self._add(", ".join(item.addresses), item.type, (group,), UPDATED, scope, item.account, weaker)

    def _tell_same_name(self, change: PlannedChange, entry: TypeMap) -> None:
        names = [filled(entry.name, side) for side in (change.before, change.after)] if entry.name and len(change.operations) > 1 else []
        if names and names[0] and names[0] == names[1]:
            seen = "a scan that sees it only afterwards sees an update"
            self.notes.append(f"{change.address}: it is replaced under the same name; {seen}, which is not covered")

    def _create(self, change: PlannedChange, entry: TypeMap) -> None:
        name = filled(entry.name, _text_only(change.after)) if entry.name else None
        tags = _tags(change) if entry.tags else {}
        known = _text_only(change.after).values()
        if name and (":" not in name or all(is_exact(value) for value in known if value in name)):
            self._add_created(change, entry, f"by the name {name}", ids=(name,))
        elif tags:
            shown = ", ".join(f"{key}={value}" for key, value in tags.items())
            self._add_created(change, entry, f"by the tags {shown}", tags={key: (value,) for key, value in tags.items()})
        else:
            self.notes.append(f"{change.address}: it is to be created, and neither a name nor tags of it are known: no target")

    def _add_created(
        self,
        change: PlannedChange,
        entry: TypeMap,
        by: str,
        ids: tuple[str, ...] | None = None,
        tags: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        account = self._account_of(change)
        target = Target(
            accounts=(account,) if account else None,
            resource_types=(entry.type,),
            ids=ids,
            tags=tags,
            operations=(CREATED,),
            expected=(*expected_of(change, entry), *_new_rules(change, entry)),
        )
        weaker = f"it does not exist yet, so it is matched {by}{'' if account else ', in any account'}"
        self.targets.append(PlannedTarget(address=change.address, target=target, weaker=weaker))

    def _update(self, change: PlannedChange, entry: TypeMap) -> None:
        if not (id_ := self._id(change, entry)):
            return
        scope = changed_scope(change, entry)
        self.notes.extend(f"{change.address}: the map does not know its attribute {name}: not covered" for name in scope.unmapped)
        if scope.paths:
            self._add(change.address, entry.type, (id_,), UPDATED, scope, self._account_of(change))
        if entry.rules and ({"ingress", "egress"} & {*change.before, *change.after}):
            self._rules_of(change, entry, id_)
        elif not scope.paths:
            self.notes.append(f"{change.address}: nothing that driftwatch reads is changed: no target")

    def _delete(self, change: PlannedChange, entry: TypeMap) -> None:
        if not (id_ := self._id(change, entry)):
            return
        if entry.deleted_as:
            self._add(change.address, entry.type, (id_,), UPDATED, Scope(paths=entry.deleted_as), self._account_of(change))
        else:
            self._add(change.address, entry.type, (id_,), DELETED, Scope(), self._account_of(change))

    def _part(self, change: PlannedChange, entry: TypeMap, of: str) -> None:
        attributes = {**change.before, **change.after}
        owner = filled(of, attributes)
        parts = [filled(part, side, pointer=True) for side in (change.before, change.after) if side for part in entry.part]
        paths = tuple(dict.fromkeys(part for part in parts if part))
        if not owner or not paths or None in parts:
            self.notes.append(f"{change.address}: what it is a part of is not known yet: no target, unless that one's covers it")
            return
        if not self._exact(change, owner):
            return
        expected = expected_of(change, entry) if change.after else ()
        self._add(change.address, entry.type, (owner,), UPDATED, Scope(paths=paths, expected=expected), self._account_of(change))

    def _rules_of(self, change: PlannedChange, entry: TypeMap, group: str | None) -> None:
        if not group or entry.rules is None:
            self.notes.append(f"{change.address}: its security group is not known yet: no target, unless that group's covers it")
            return
        if any(flagged(change.unknown, (name,)) or hides(change.after.get(name)) for name in _RULE_ATTRIBUTES):
            self.notes.append(f"{change.address}: some of its rules are sensitive, or known only after it: those are not covered")
        item = self._groups.setdefault(group, _Group(entry.type))
        item.addresses.append(change.address)
        item.changes.append(rule_change(entry.rules, change.before, change.after, group.rpartition("/")[2]))
        item.account = item.account or self._account_of(change)

    def _id(self, change: PlannedChange, entry: TypeMap) -> str | None:
        id_ = filled(entry.id or "", change.before) if entry.id else None
        if not id_:
            self.notes.append(f"{change.address}: the plan does not tell its id: no target")
            return None
        return id_ if self._exact(change, id_) else None

    def _exact(self, change: PlannedChange, id_: str) -> bool:
        if ":" not in id_ or is_exact(id_):
            return True
        self.notes.append(f"{change.address}: its id holds * or ?, which stand for other text in a change record: no target")
        return False

    def _account_of(self, change: PlannedChange) -> str | None:
        """The account that its own ARN names, else the one that was told."""
        for side in (change.before, change.after):
            arn = side.get("arn")
            part = arn.split(":")[4] if isinstance(arn, str) and arn.count(":") >= 5 else ""
            if part.isdigit() and len(part) == _ACCOUNT_DIGITS:
                return part
        return self._account

    def _add(
        self,
        address: str,
        type_: str,
        ids: tuple[str, ...],
        operation: DriftKind,
        scope: Scope,
        account: str | None,
        weaker: str | None = None,
    ) -> None:
        target = Target(
            accounts=(account,) if account else None,
            resource_types=(type_,),
            ids=ids,
            operations=(operation,),
            attribute_paths=scope.paths or None,
            expected=scope.expected,
        )
        loose = "its id is not an ARN, so it is meant in any account" if not account and ":" not in ids[0] else None
        self.targets.append(PlannedTarget(address=address, target=target, weaker=weaker or loose))


_RULE_ATTRIBUTES: Final = (
    *("ingress", "egress", "cidr_blocks", "ipv6_cidr_blocks", "cidr_ipv4", "cidr_ipv6", "prefix_list_ids", "prefix_list_id"),
    *("source_security_group_id", "referenced_security_group_id", "from_port", "to_port"),
)


def _new_rules(change: PlannedChange, entry: TypeMap) -> tuple[Expectation, ...]:
    """What the permissions of a new security group hold."""
    if entry.rules is not Rules.INLINE:
        return ()
    return scope_of([rule_change(entry.rules, {}, change.after, None)])[1]


def _text_only(attributes: Mapping[str, Json]) -> dict[str, str]:
    return {name: value for name, value in attributes.items() if isinstance(value, str)}


def _tags(change: PlannedChange) -> dict[str, str]:
    """The tags that it will have, where all of them are known and none is sensitive: with fewer it would match more."""
    for name in ("tags_all", "tags"):
        found = change.after.get(name)
        if isinstance(found, Mapping) and found and not flagged(change.unknown, (name,)):
            tags = {key: value for key, value in found.items() if isinstance(value, str)}
            return tags if len(tags) == len(found) else {}
    return {}


def lines(scope: PlanScope) -> Iterator[str]:
    """What a person should know of a plan's targets: which are weaker, and what has none."""
    yield from (f"{item.address}: weaker: {item.weaker}" for item in scope.targets if item.weaker)
    yield from scope.notes
