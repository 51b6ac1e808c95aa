"""Every place of a document, worked out from its type: what the checks of an entry, and the proposals for a new one, walk over."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from driftwatch.aws.shapes import Form, Type


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place: the steps that lead to it, and what may stand there."""

    steps: tuple[str, ...]
    type: Type
    above: frozenset[str]
    """Names of the shapes that this one lies in: a shape within itself is not followed again."""

    @property
    def path(self) -> str:
        """The place as a path of the catalogue."""
        text = ""
        for step in self.steps:
            name = step if re.fullmatch(r"[^.\[\]\"]+", step) else f'"{step}"'
            text += step if step == "[]" else f".{name}"
        return text.lstrip(".")

    @property
    def below(self) -> list[Place]:
        """The places right below this one."""
        return list(_below(self))


def top(document: Type) -> Place:
    """The document itself."""
    return Place(steps=(), type=document, above=frozenset())


def walk(document: Type, skip: Callable[[Place], bool]) -> Iterator[Place]:
    """All places, those above before those below; what `skip` is true for is left out with all that lies below it."""
    waiting = top(document).below
    while waiting:
        place = waiting.pop(0)
        if not skip(place):
            yield place
            waiting += place.below


def matches(steps: tuple[str, ...], rule: tuple[str, ...]) -> bool:
    """Whether a rule's path is this place. ``*`` in the rule stands for any name."""
    return len(steps) == len(rule) and all(b in (a, "*") for a, b in zip(steps, rule, strict=True))


def _below(place: Place) -> Iterator[Place]:
    type_ = place.type
    above = place.above | ({type_.name} if type_.name else set())
    if type_.form is Form.OBJECT:
        nexts = {(name,): found for name, found in type_.members.items()}
        nexts |= {("*",): type_.element} if type_.element_of else {}
    elif type_.form is Form.MAP:
        nexts = {("*",): type_.element}
    elif type_.form is Form.LIST:
        nexts = {("[]",): type_.element}
    else:
        return
    for step, found in nexts.items():
        if not (found.name and found.name in above and found.form in (Form.OBJECT, Form.LIST, Form.MAP)):
            yield Place(steps=place.steps + step, type=found, above=above)
