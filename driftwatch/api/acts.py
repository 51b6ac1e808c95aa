"""Acts: what a page offers to do, each as a form."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Field:
    """One input of a form. `kind` is a type of HTML's inputs, or `textarea`; a checkbox sends `yes`."""

    name: str
    label: str
    kind: str = "text"
    required: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """A form, posted to `path` below its page's own; `hidden` are the fields that nobody fills in. `lines` say what it would come to."""

    path: str
    title: str
    text: str
    fields: tuple[Field, ...] = ()
    hidden: dict[str, str] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
