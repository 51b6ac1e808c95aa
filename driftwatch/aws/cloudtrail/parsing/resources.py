"""Which resources a record names, and what the call does to them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from driftwatch.aws.cloudtrail.parsing import record_sets, verbs
from driftwatch.aws.cloudtrail.parsing.members import MAX_IDS, MAX_LENGTH, Member, anywhere, direct, scalars, walk
from driftwatch.aws.cloudtrail.parsing.names import Here, complete, composite, grouped, spread
from driftwatch.aws.cloudtrail.parsing.operations import TAGS, Index, Operation, Part, Rule, index
from driftwatch.domain.activity import CallClass, Effect, Touched

_PARTS: Final = ("requestParameters", "responseElements", "serviceEventDetails", "additionalEventData")
_PREFIXED: Final = re.compile("([a-z]+(?:-[a-z]+)*-)[0-9A-Za-z]{8,32}")
_FOREIGN: Final = frozenset({"tags", "tagset", "taglist", "tagkeys", "tagspecificationset", "tagspecifications"})
Look = Callable[[Mapping[str, Any], Member], tuple[str, ...]]
_LOOSE: Final = 20
"""How many resources are taken from a record that nobody described: what else stands in it is its content."""


def touched(record: Mapping[str, Any], known: Operation, call: CallClass, here: Here) -> tuple[Touched, ...]:
    """The resources that the operation's rules find, those that the record itself lists, and where that is not all: those whose ARN or
    unmistakable id stands in it, or that the operation's own name speaks of, which may or may not be what it changed.

    Never raises for what a record may hold; at most 1,000 resources and names of 2,048 characters.
    """
    found = _Found(index(), here)
    listed = record.get("resources")
    if call is CallClass.READ:
        if isinstance(listed, list):
            found.listed(listed, sure=False)
        return found.all()
    found.by_rules(record, known)
    if isinstance(listed, list):
        found.listed(listed, sure=call is CallClass.CONFIG and not known.rules)
    if known.tags:
        found.loose(record, known)
    elif not found.sure:
        found.by_noun(record, known)
        if not found.any:
            found.loose(record, known)
    return found.all()


class _Found:
    """What was found so far: for each type, the groups of names with their first finding's meaning."""

    def __init__(self, known: Index, here: Here) -> None:
        self._index = known
        self._here = here
        self._touched: list[Touched] = []
        self._names: dict[tuple[str, str], int] = {}

    @property
    def any(self) -> bool:
        return bool(self._touched)

    @property
    def sure(self) -> bool:
        return any(one.sure for one in self._touched)

    def all(self) -> tuple[Touched, ...]:
        return tuple(self._touched)

    def add(self, type_: str, names: Iterable[str], effect: Effect, paths: tuple[str, ...] | None, *, sure: bool) -> None:
        """One resource; names that it shares with one found before make it that one."""
        kept = [name for name in names if 0 < len(name) <= MAX_LENGTH][:MAX_IDS]
        if not kept:
            return
        at = next((self._names[type_, name] for name in kept if (type_, name) in self._names), None)
        if at is None:
            if len(self._touched) >= MAX_IDS:
                return
            at = len(self._touched)
            self._touched.append(Touched(type=type_, ids=tuple(dict.fromkeys(kept)), effect=effect, paths=paths, sure=sure))
        elif not set(kept) <= set(self._touched[at].ids):
            old = self._touched[at]
            ids = tuple(dict.fromkeys((*old.ids, *kept)))[:MAX_IDS]
            self._touched[at] = Touched(type=type_, ids=ids, effect=old.effect, paths=old.paths, sure=old.sure or sure)
        for name in kept:
            self._names.setdefault((type_, name), at)

    # --- by rules -----------------------------------------------------------------------------------------------------------------------

    def by_rules(self, record: Mapping[str, Any], known: Operation) -> None:
        """What the operation's rules find: where the names should be, and only if none of them finds anything sure there, anywhere."""
        rules = [rule for rule in known.rules if _holds(rule, record)]
        for rule in rules:
            if rule.type == record_sets.TYPE and record.get("eventName") == record_sets.EVENT:
                for names, effect in record_sets.record_sets(record):
                    self.add(rule.type, names, effect, rule.paths, sure=rule.sure)
            self._rule(rule, record, direct)
        if rules and not self.sure:
            for rule in rules:
                self._rule(rule, record, anywhere)

    def _rule(self, rule: Rule, record: Mapping[str, Any], look: Look) -> None:
        sure = rule.sure and not (rule.engines and _engine(record) is None)
        if rule.account:
            names = (rule.type.rpartition("::")[2], self._here.account)
            self.add(rule.type, names, rule.effect, rule.paths, sure=sure)
            return
        arns = self._index.arns
        values = [tuple(value for value in look(record, member) if arns.fits(rule.type, value)) for member in rule.members]
        joined = [name for parts in rule.composites for name in self._joined(parts, record)]
        many = any(len(found) > 1 for found in values)
        spreads = [spread(arns, rule.type, value) for found in values for value in found]
        if many:
            for group in grouped(spreads):
                self.add(rule.type, complete(arns, rule.type, group, self._here), rule.effect, rule.paths, sure=sure)
        elif spreads or joined:
            flat = [name for names in spreads for name in names]
            self.add(rule.type, complete(arns, rule.type, (*joined, *flat), self._here), rule.effect, rule.paths, sure=sure)

    @staticmethod
    def _joined(parts: tuple[Part, ...], record: Mapping[str, Any]) -> tuple[str, ...]:
        found: list[str] = []
        for part in parts:
            values = direct(record, part.member) or anywhere(record, part.member)
            if not values and part.default is None:
                return ()
            found.append(values[0] if values else part.default or "")
        return composite(found)

    # --- by what the record lists itself ------------------------------------------------------------------------------------------------

    def listed(self, entries: list[Any], *, sure: bool) -> None:
        """The record's own list of resources: ``{"type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::b"}``; the type may be missing."""
        for entry in entries[:MAX_IDS]:
            if not isinstance(entry, dict):
                continue
            arn = next((value for key in ("ARN", "arn", "resourceName") if isinstance(value := entry.get(key), str)), "")
            said = entry.get("type")
            if not arn or len(arn) > MAX_LENGTH:
                continue
            types, names = self._index.arns.resolve(arn)
            if isinstance(said, str) and 0 < len(said) <= 128:
                types = (said,) if said not in types else types
            for type_ in types:
                self.add(type_, names, Effect.UPDATE, None, sure=sure)

    # --- by what stands anywhere --------------------------------------------------------------------------------------------------------

    def loose(self, record: Mapping[str, Any], known: Operation) -> None:
        """Every ARN and unmistakable id in the request, else in the rest of the record; what stands in tags is no name. It is sure where
        the operation changes the tags of whatever it names."""
        limit = MAX_IDS if known.tags else _LOOSE
        for part in _PARTS:
            before = len(self._touched)
            for _, value in walk(record.get(part), _FOREIGN):
                for text in scalars(value):
                    self._text(text, known)
                if len(self._touched) >= limit:
                    return
            if len(self._touched) > before and known.tags:
                return

    def _text(self, text: str, known: Operation) -> None:
        types: tuple[str, ...] = ()
        names: tuple[str, ...] = ()
        if text.startswith("arn:"):
            types, names = self._index.arns.resolve(text)
        elif (found := _PREFIXED.fullmatch(text)) and (own := self._index.prefixes.get(found[1])):
            types, names = (own,), complete(self._index.arns, own, (text,), self._here)
        for type_ in types:
            self.add(type_, names, Effect.UPDATE, self._paths(type_, known), sure=known.tags)

    def _paths(self, type_: str, known: Operation) -> tuple[str, ...] | None:
        return self._index.paths.get((type_, known.name.lower()), TAGS if known.tags else None)

    # --- by what the operation's name speaks of -----------------------------------------------------------------------------------------

    def by_noun(self, record: Mapping[str, Any], known: Operation) -> None:
        """``CreateHsm`` of CloudHSM is about an ``AWS::CloudHSM::Hsm``, whose name is in a member that begins with ``hsm``."""
        if known.namespace is None or known.call is not CallClass.CONFIG:
            return
        for noun in verbs.noun(known.name):
            type_ = f"{known.namespace}::{noun}"
            members = _members_of(noun)
            values = [text for member in members for text in direct(record, member)]
            values = values or [text for member in members for text in anywhere(record, member)]
            if values:
                flat = [name for value in values[:MAX_IDS] for name in spread(self._index.arns, type_, value)]
                self.add(type_, complete(self._index.arns, type_, flat, self._here), _effect(known.name), None, sure=False)
                return


def _holds(rule: Rule, record: Mapping[str, Any]) -> bool:
    if rule.unless is not None and direct(record, rule.unless):
        return False
    if not rule.engines and not rule.other_engines:
        return True
    engine = _engine(record)
    if engine is None:
        return True
    return engine in rule.engines if rule.engines else engine not in rule.other_engines


def _engine(record: Mapping[str, Any]) -> str | None:
    """The database engine that the request asked for or the reply told: RDS, Neptune and DocumentDB share their source and operations."""
    for part in ("requestParameters", "responseElements"):
        value = record.get(part)
        if isinstance(value, dict):
            for inner in (value, *value.values()):
                if isinstance(inner, dict) and isinstance(engine := inner.get("engine"), str):
                    return engine
    return None


def _effect(name: str) -> Effect:
    return Effect.CREATE if name.startswith("Create") else Effect.DELETE if name.startswith("Delete") else Effect.UPDATE


@lru_cache(maxsize=4_096)
def _members_of(noun: str) -> tuple[Member, ...]:
    """Where a resource of this noun is named: by members that begin with the noun, or by plain ones in the reply's object of that name."""
    low = noun[:1].lower() + noun[1:]
    own = [low + suffix for suffix in ("Arn", "ARN", "Id", "Name", "Identifier", "")]
    inner = [f"{low}.{name}" for name in (*own, "arn", "aRN", "id", "name")]
    told = [noun + suffix for suffix in ("Arn", "Id", "Name", "Identifier")]
    return (
        *(_plain("responseElements", path) for path in (*own, *inner)),
        *(_plain("requestParameters", path) for path in own),
        *(_plain("serviceEventDetails", path) for path in (*own, *told)),
        *(_plain("requestParameters", path) for path in ("name", "id", "arn")),
        *(_plain("responseElements", path) for path in ("arn", "id", "name")),
    )


def _plain(part: str, path: str) -> Member:
    return Member(part=part, steps=tuple(path.split(".")), spellings=frozenset())
