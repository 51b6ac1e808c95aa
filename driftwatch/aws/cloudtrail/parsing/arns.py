"""ARNs as names: which type one belongs to, which ids stand in it, and the ARN that an id makes.

A pattern is an ARN with ``{partition}``, ``{region}`` and ``{account}``, and in its last part: ``{}`` a part of the id, ``{_}`` what is
neither (a random suffix), ``{^}`` a path that may be there, ``{*}`` the rest with its slashes, ``{-}`` a name with a random suffix.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from driftwatch.domain.pointer import key_segment

_HOLES: Final = {"{}": "([^/:]+)", "{_}": "[^/:]+", "{^}": "(?:.*/)?", "{*}": "(.+)", "{-}": "(.+?)(?:-[A-Za-z0-9]{6})?"}
_HOLE: Final = re.compile(r"\{[_^*\-]?\}")
_KIND: Final = re.compile(r"[^/:{]+")
_MAX: Final = 2_048


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """One form of the ARNs of a type. `head` is what stands before the last part, with its holes; `tail` matches the last part."""

    type: str
    text: str
    service: str
    kind: str
    """The literal that the last part begins with, or "" where it begins with a hole."""
    tail: re.Pattern[str]
    holes: int

    def names(self, tail: str) -> tuple[str, ...] | None:
        """The ids in the last part of an ARN; None where it has another form. A name may have the slash that begins it, or lack it."""
        found = self.tail.fullmatch(tail)
        if found is None:
            return None
        names = ids(found.groups())
        return (*names, "/" + names[0]) if "{*}" in self.text and len(names) == 1 and "/" in names[0] else names

    @property
    def makes(self) -> bool:
        """Whether an id is all that the ARN needs."""
        return self.holes == 1 and "{}" in self.text and not re.search(r"\{[_^*\-]\}", self.text)


def pattern(type_: str, text: str) -> Pattern:
    """The pattern that a text stands for."""
    *_, tail = text.split(":", 5)
    kind = _KIND.match(tail.lstrip("/"))
    last = 0
    built = []
    for hole in _HOLE.finditer(tail):
        built += [re.escape(tail[last : hole.start()]), _HOLES[hole[0]]]
        last = hole.end()
    built.append(re.escape(tail[last:]))
    return Pattern(
        type=type_,
        text=text,
        service=text.split(":", 3)[2],
        kind=kind[0] if kind and not tail.startswith("{") else "",
        tail=re.compile("".join(built), re.DOTALL),
        holes=tail.count("{}"),
    )


class Arns:
    """The patterns of all types."""

    def __init__(self, patterns: Iterable[Pattern], namespaces: Mapping[str, str]) -> None:
        """`namespaces`: an ARN's service -> what the names of its types begin with."""
        self._by_kind: dict[tuple[str, str], list[Pattern]] = {}
        self._of_type: dict[str, list[Pattern]] = {}
        self._namespaces = namespaces
        for one in patterns:
            self._by_kind.setdefault((one.service, one.kind), []).append(one)
            self._of_type.setdefault(one.type, []).append(one)
        self.resolve = lru_cache(maxsize=16_384)(self._resolve)

    def _resolve(self, arn: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The types that an ARN may belong to (several share the ARNs of RDS), and all names in it; no type where it is no ARN.

        The ARN of a type that nobody described is named after its service and kind, as CloudFormation would.
        """
        parts = split(arn)
        if parts is None:
            return (), ()
        service, tail = parts
        kind = _KIND.match(tail.lstrip("/"))
        types: list[str] = []
        names: dict[str, None] = {arn: None}
        for key in ((service, kind[0] if kind else ""), (service, "")):
            for one in self._by_kind.get(key, ()):
                if (found := one.names(tail)) is not None:
                    types.append(one.type)
                    names.update(dict.fromkeys(found))
            if types:
                return tuple(dict.fromkeys(types)), tuple(names)
        guess = self._guess(service, tail)
        return ((guess,), (arn, re.split("[/:]", tail)[-1] or arn)) if guess else ((), (arn,))

    def _guess(self, service: str, tail: str) -> str | None:
        namespace = self._namespaces.get(service)
        kind = re.match(r"/?([A-Za-z][A-Za-z0-9_-]*)[/:]", tail)
        if namespace is None or kind is None:
            return None
        return namespace + "::" + "".join(word[:1].upper() + word[1:] for word in re.split("[-_]", kind[1]))

    def names(self, type_: str, arn: str) -> tuple[str, ...]:
        """The ids that stand in an ARN of this type, without the ARN itself; none where it has another form."""
        parts = split(arn)
        if parts is None:
            return ()
        for one in self._of_type.get(type_, ()):
            if one.service == parts[0] and (found := one.names(parts[1])) is not None:
                return found
        return ()

    def fits(self, type_: str, name: str) -> bool:
        """Whether a name may be one of this type; the ARN of another type of the same service is none."""
        if not name.startswith("arn:") or self.names(type_, name):
            return True
        own, parts = self._of_type.get(type_, ()), split(name)
        return not own or parts is None or own[0].service != parts[0] or type_ in (types := self.resolve(name)[0]) or not types

    def known(self, type_: str) -> bool:
        return type_ in self._of_type

    def arn(self, type_: str, id_: str, region: str, account: str) -> str | None:
        """The ARN of a resource whose id is all that it needs: by the first pattern of its type."""
        one = next(iter(self._of_type.get(type_, ())), None)
        if one is None or not one.makes or "/" in id_ or ":" in id_ or "|" in id_ or not account:
            return None
        head = one.text.replace("{partition}", partition(region)).replace("{region}", region).replace("{account}", account)
        return head.replace("{}", id_)


def split(arn: str) -> tuple[str, str] | None:
    """The service and the last part of an ARN; None for what is none."""
    if not arn.startswith("arn:") or len(arn) > _MAX:
        return None
    parts = arn.split(":", 5)
    return (parts[2], parts[5]) if len(parts) == 6 and parts[2] and parts[5] else None


def ids(parts: tuple[str, ...]) -> tuple[str, ...]:
    """The ids that these parts make: the last one, and where there are several, all of them as the catalogue and as AWS join them."""
    found = [part for part in parts if part]
    return (key_segment(found), "/".join(found), found[-1]) if len(found) > 1 else tuple(found)


def partition(region: str) -> str:
    """Which of AWS's separate clouds a region belongs to."""
    return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
