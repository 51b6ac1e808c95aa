"""The rules of a security group: from Terraform's three ways to write them to the pointers of `AWS::EC2::SecurityGroup`.

EC2 keeps one permission for each (protocol, from port, to port), with its sources below it. A plan that names single rules does not say
whether their permission exists already: then both are named, the source and the permission, with what a new permission would hold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from driftwatch.documents.terraform_map import Rules
from driftwatch.domain.canonical import scalar_text
from driftwatch.domain.change import Expectation
from driftwatch.domain.pointer import join, key_segment, quote
from driftwatch.domain.resource import Json

_NAMES: Final = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}
_WITH_PORTS: Final = frozenset({"tcp", "udp", "icmp", "icmpv6"})
_LISTS: Final = {"IpRanges": "CidrIp", "Ipv6Ranges": "CidrIpv6", "PrefixListIds": "PrefixListId"}
_GROUPS: Final = "UserIdGroupPairs"
_SOURCES: Final = {
    "cidr_blocks": "IpRanges",
    "cidr_ipv4": "IpRanges",
    "ipv6_cidr_blocks": "Ipv6Ranges",
    "cidr_ipv6": "Ipv6Ranges",
    "prefix_list_ids": "PrefixListIds",
    "prefix_list_id": "PrefixListIds",
    "security_groups": _GROUPS,
    "source_security_group_id": _GROUPS,
    "referenced_security_group_id": _GROUPS,
}
_MEMBERS: Final = {"ingress": "IpPermissions", "egress": "IpPermissionsEgress"}


@dataclass(frozen=True, slots=True)
class Source:
    """One source of one permission: `permission` is (member, segment), `kind` the list it stands in."""

    permission: tuple[str, str]
    kind: str
    value: str
    description: str = ""

    @property
    def segment(self) -> str:
        """Its key: of a group, the account that owns it is not known."""
        return f"*|{quote(self.value)}" if self.kind == _GROUPS else key_segment([self.value])

    @property
    def path(self) -> str:
        return join((*self.permission, self.kind, self.segment))

    @property
    def element(self) -> dict[str, Json]:
        return {_LISTS[self.kind]: self.value} | ({"Description": self.description} if self.description else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChange:
    """What a plan adds to and takes from a group's rules; `whole` where it says all of them, before and after."""

    before: frozenset[Source]
    after: frozenset[Source]
    whole: bool


def rule_change(form: Rules, before: Mapping[str, Json], after: Mapping[str, Json], group: str | None) -> RuleChange:
    """The change of rules that one Terraform resource makes. `group` is the id of the group itself, for rules that name it as source."""
    sides = [frozenset(_rules(form, side, group)) for side in (before, after)]
    return RuleChange(before=sides[0], after=sides[1], whole=form is Rules.INLINE)


def scope_of(changes: Iterable[RuleChange]) -> tuple[tuple[str, ...], tuple[Expectation, ...], bool]:
    """Paths and expectations of all changes of one group's rules; and whether a permission is named that may not be a new one."""
    listed = list(changes)
    before = frozenset(source for change in listed for source in change.before)
    after = frozenset(source for change in listed for source in change.after)
    changed = before ^ after
    whole = all(change.whole for change in listed)
    kept = {source.permission for source in before} & {source.permission for source in after} if whole else set()
    permissions = {source.permission for source in changed} - kept
    paths = sorted({source.path for source in changed} | {join(permission) for permission in permissions})
    expected = [*_of_sources(before, after), *_of_permissions(permissions, after)]
    return tuple(paths), tuple(sorted(expected, key=lambda item: item.path)), bool(permissions) and not whole


def _of_sources(before: frozenset[Source], after: frozenset[Source]) -> Iterator[Expectation]:
    kept = {source.path for source in after}
    for source in sorted(after - before, key=lambda item: item.path):
        if source.kind != _GROUPS:
            yield Expectation(path=source.path, equals=source.element, equals_given=True)
    for source in sorted(before - after, key=lambda item: item.path):
        if source.path not in kept and source.kind != _GROUPS:
            yield Expectation(path=source.path, absent=True)


def _of_permissions(permissions: Iterable[tuple[str, str]], after: frozenset[Source]) -> Iterator[Expectation]:
    """What a new permission holds: exactly these sources."""
    held: defaultdict[tuple[str, str], list[Source]] = defaultdict(list)
    for source in after:
        held[source.permission].append(source)
    for permission in permissions:
        sources = held.get(permission)
        for kind in (*_LISTS, _GROUPS) if sources else ():
            mine = [source for source in sources or () if source.kind == kind]
            if kind != _GROUPS or not mine:
                elements = {source.segment: source.element for source in mine}
                yield Expectation(path=join((*permission, kind)), equals=elements, equals_given=True)


def _rules(form: Rules, side: Mapping[str, Json], group: str | None) -> Iterator[Source]:
    if form is Rules.INLINE:
        for direction in _MEMBERS:
            given = side.get(direction)
            for rule in given if isinstance(given, list) else ():
                yield from _sources(direction, rule, group)
    elif side:
        direction = _text(side.get("type")) if form is Rules.LISTS else form.value
        if direction in _MEMBERS:
            yield from _sources(direction, side, group)


def _sources(direction: str, rule: Json, group: str | None) -> Iterator[Source]:
    if not isinstance(rule, Mapping):
        return
    permission = (_MEMBERS[direction], _permission(rule))
    described = _text(rule.get("description"))
    for attribute, kind in _SOURCES.items():
        given = rule.get(attribute)
        for value in given if isinstance(given, list) else [given]:
            if isinstance(value, str) and value:
                yield Source(permission, kind, value.rpartition("/")[2] if kind == _GROUPS else value, described)
    if rule.get("self") is True and group:
        yield Source(permission, _GROUPS, group, described)


def _permission(rule: Mapping[str, Json]) -> str:
    given = (_text(rule.get("protocol")) or _text(rule.get("ip_protocol"))).lower()
    protocol = _NAMES.get(given, given)
    ports = [_text(rule.get(name)) for name in ("from_port", "to_port")] if protocol in _WITH_PORTS else ["", ""]
    return key_segment([protocol, *ports])


def _text(value: Json) -> str:
    """A plain value as text; what is not given, or is sensitive, is no text."""
    return scalar_text(value) if isinstance(value, str | int) else ""
