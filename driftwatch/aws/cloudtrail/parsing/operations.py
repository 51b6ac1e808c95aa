"""What is known of each operation: what it is for, which resources it changes and where its log entry names them.

From the package's files: `operations/<service>.toml`, whose format is told in `operations/README.md`, and `touches/<service>.toml`, which
says for a type and an operation which pointers it can change. They are read once in a process, when the first record comes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

import rtoml

from driftwatch.aws.cloudtrail.parsing import verbs
from driftwatch.aws.cloudtrail.parsing.arns import Arns, Pattern, pattern
from driftwatch.aws.cloudtrail.parsing.members import Member, member
from driftwatch.domain.activity import CallClass, Effect
from driftwatch.errors import InputError, Place

_VERSION: Final = re.compile(r"(?:_?\d{4}_\d{2}_\d{2}|\d{8}(?:v\d+)?)$", re.IGNORECASE)
_PARTS: Final = {
    "request": "requestParameters",
    "response": "responseElements",
    "service": "serviceEventDetails",
    "additional": "additionalEventData",
}
_FILE_KEYS: Final = frozenset({"sources", "namespace", "names", "classes", "prefixes", "engines", "other_engines"})
_TYPE_KEYS: Final = frozenset({"arn", "at", "unless"})
_LISTED: Final = {
    "session": CallClass.SESSION,
    "telemetry": CallClass.TELEMETRY,
    "data": CallClass.DATA,
    "read": CallClass.READ,
    "config": CallClass.CONFIG,
}
_UNMAPPED: Final = "unmapped"
"""The operations of a type for which nobody has said yet what they can change."""
TAGS: Final = ("/Tags",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of an id that is made of several: where it lies, and what it is where it is left out (None: then there is no such id)."""

    member: Member
    default: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """That an operation has this effect on resources of a type. `members` are where they are named, `composites` where the parts of an
    id are that is made of several. `account`: a setting of the account, which is not named. `unless`: the rule holds only where this is
    absent. `engines`, `other_engines`: which database engines it holds for, and which not, where the record says so."""

    type: str
    effect: Effect
    sure: bool
    members: tuple[Member, ...] = ()
    composites: tuple[tuple[Part, ...], ...] = ()
    account: bool = False
    unless: Member | None = None
    paths: tuple[str, ...] | None = None
    engines: frozenset[str] = frozenset()
    other_engines: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation as a source logs it. `tags`: it changes the tags of whatever it names. `namespace` and `noun` are what a resource of
    it would be called where no rule says."""

    name: str
    call: CallClass
    listed: bool
    """Whether somebody said so; otherwise its name did."""
    rules: tuple[Rule, ...] = ()
    tags: bool = False
    namespace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """Everything in the files. Keys of operations are (source, name), both in lower case."""

    rules: Mapping[tuple[str, str], tuple[Rule, ...]]
    calls: Mapping[tuple[str, str], CallClass]
    everything: Mapping[str, CallClass]
    namespaces: Mapping[str, str]
    """Event source -> what the names of its types begin with."""
    prefixes: Mapping[str, str]
    """What a bare id begins with -> its type."""
    paths: Mapping[tuple[str, str], tuple[str, ...]]
    """(type, operation in lower case) -> the pointers that it can change."""
    arns: Arns
    types: frozenset[str]


@lru_cache(maxsize=1)
def index() -> Index:
    """The package's files; raises InputError for one that is not as it should be."""
    return build(_files("operations"), _files("touches"), _namespaces())


@lru_cache(maxsize=16_384)
def operation(source: str, name: str) -> Operation:
    """What is known of an operation, as a record's eventSource and eventName spell it."""
    known = index()
    low = source.lower()
    bare = _VERSION.sub("", name) or name
    key = (low, bare.lower())
    rules = known.rules.get(key, ())
    said = known.calls.get(key)
    call = said or (CallClass.CONFIG if rules else None) or known.everything.get(low) or verbs.call_class(bare)
    return Operation(
        name=bare,
        call=call,
        listed=said is not None or bool(rules),
        rules=rules,
        tags=verbs.tags(bare),
        namespace=known.namespaces.get(low),
    )


def build(operations: Iterable[tuple[str, str]], touches: Iterable[tuple[str, str]], namespaces: Mapping[str, str]) -> Index:
    """An index of the texts of files, each with its name."""
    touched = {(type_, name.lower()): paths for file, text in touches for type_, name, paths in _touches(file, text)}
    files = [_File(name, _toml(name, text), touched) for name, text in operations]
    patterns = [one for file in files for one in file.patterns()]
    rules: dict[tuple[str, str], tuple[Rule, ...]] = {}
    for file in files:
        for key, rule in file.rules():
            rules[key] = (*rules.get(key, ()), rule)
    own = {source: file.namespace for file in files if file.namespace for source in file.sources}
    return Index(
        rules=rules,
        calls={key: call for file in files for key, call in file.calls()},
        everything={source: file.everything for file in files if file.everything for source in file.sources},
        namespaces={**namespaces, **own},
        prefixes={prefix: type_ for file in files for prefix, type_ in file.document.get("prefixes", {}).items()},
        paths=touched,
        arns=Arns(patterns, _by_arn_service(patterns, {**namespaces, **own})),
        types=frozenset(type_ for file in files for type_ in file.tables),
    )


def _by_arn_service(patterns: Iterable[Pattern], namespaces: Mapping[str, str]) -> Mapping[str, str]:
    found = {source.removesuffix(".amazonaws.com"): namespace for source, namespace in namespaces.items()}
    for one in patterns:
        if one.type.startswith("AWS::"):
            found.setdefault(one.service, one.type.rpartition("::")[0])
    return found


@dataclass(slots=True)
class _File:
    """One file of operations, taken apart."""

    name: str
    document: Mapping[str, Any]
    touched: Mapping[tuple[str, str], tuple[str, ...]]
    sources: tuple[str, ...] = field(init=False)
    tables: Mapping[str, Mapping[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.sources = tuple(source.lower() for source in self.document.get("sources", ()))
        self.tables = {key: value for key, value in self.document.items() if key not in _FILE_KEYS}
        strange = [key for key in self.tables if "::" not in key]
        if strange or not self.sources:
            raise InputError(f"unknown key {strange[0]}" if strange else "sources is missing", place=Place(self.name))

    @property
    def namespace(self) -> str | None:
        return self.document.get("namespace")

    @property
    def everything(self) -> CallClass | None:
        word = self.document.get("classes", {}).get("everything")
        return _LISTED[word] if word else None

    def calls(self) -> Iterator[tuple[tuple[str, str], CallClass]]:
        for word, call in _LISTED.items():
            for name in self.document.get("classes", {}).get(word, ()):
                yield from (((source, name.lower()), call) for source in self.sources)

    def patterns(self) -> Iterator[Pattern]:
        for type_, table in self.tables.items():
            texts = table.get("arn", ())
            yield from (pattern(type_, text) for text in ((texts,) if isinstance(texts, str) else texts))

    def rules(self) -> Iterator[tuple[tuple[str, str], Rule]]:
        logged: dict[str, list[str]] = {}
        for alias, name in self.document.get("names", {}).items():
            logged.setdefault(name, []).append(alias)
        for type_, table in self.tables.items():
            for name, text in table.items():
                if name in _TYPE_KEYS:
                    continue
                rule = self._rule(type_, name, str(text), table)
                for spelt in (name, *logged.get(name, ())):
                    yield from (((source, spelt.lower()), rule) for source in self.sources)

    def _rule(self, type_: str, name: str, text: str, table: Mapping[str, Any]) -> Rule:
        word, _, places = text.partition(":")
        members, composites, account = _places(self.name, places or table.get("at", ""))
        try:
            effect = Effect(word.strip().removesuffix("?"))
        except ValueError as error:
            raise InputError(
                f"{type_} {name}: {word!r} is no effect", expected="create, update or delete", place=Place(self.name)
            ) from error
        return Rule(
            type=type_,
            effect=effect,
            sure=not word.strip().endswith("?"),
            members=members,
            composites=composites,
            account=account,
            unless=_member(self.name, table["unless"]) if "unless" in table else None,
            paths=self.touched.get((type_, name.lower()), TAGS if verbs.tags(name) else None),
            engines=frozenset(self.document.get("engines", ())),
            other_engines=frozenset(self.document.get("other_engines", ())),
        )


def _places(file: str, text: str) -> tuple[tuple[Member, ...], tuple[tuple[Part, ...], ...], bool]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    plain = tuple(_member(file, word) for word in words if "|" not in word and word != "account")
    joined = tuple(tuple(_part(file, part) for part in word.split("|")) for word in words if "|" in word)
    if not words:
        raise InputError("an operation does not say where its resource is named", place=Place(file))
    return plain, joined, "account" in words


def _part(file: str, text: str) -> Part:
    place, _, default = text.partition("=")
    return Part(member=_member(file, place), default=default or None)


def _member(file: str, text: str) -> Member:
    part, _, path = text.partition(".")
    if part not in _PARTS or not path:
        raise InputError(f"{text!r} is no place in a record", expected=f"one of {', '.join(_PARTS)}, and a path", place=Place(file))
    return member(_PARTS[part], path)


def _touches(file: str, text: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for type_, table in _toml(file, text).items():
        if isinstance(table, Mapping):
            yield from ((type_, name, tuple(paths)) for name, paths in table.items() if name != _UNMAPPED)


def _toml(name: str, text: str) -> Mapping[str, Any]:
    try:
        return rtoml.loads(text)
    except rtoml.TomlParsingError as error:
        raise InputError(f"no TOML: {error}", place=Place(name)) from error


def _files(folder: str) -> Iterator[tuple[str, str]]:
    """The files of one of the package's folders of data, by name; none where there is no such folder."""
    root = resources.files("driftwatch.aws.cloudtrail") / folder
    if root.is_dir():
        for file in sorted(root.iterdir(), key=lambda entry: entry.name):
            if file.name.endswith(".toml"):
                yield f"{folder}/{file.name}", file.read_text(encoding="utf-8")


def _namespaces() -> Mapping[str, str]:
    file = resources.files("driftwatch.aws.cloudtrail") / "namespaces.toml"
    return MappingProxyType(dict(_toml(file.name, file.read_text(encoding="utf-8"))))
