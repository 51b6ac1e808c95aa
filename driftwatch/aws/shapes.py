"""What may stand at each place of a reply, from botocore's model of it.

A `Type` says what may stand at a place of a document. It is worked out from the model alone, without a reply, so that a misspelt member
is found before it reads as "there is none" for ever. A place whose form the model does not know is FREE: everything resolves there.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from driftwatch.aws.entry import path_segments

DECODED_BY_BOTOCORE = frozenset({"policyDocumentType", "TemplateBody"})
"""String shapes that botocore's handlers turn into documents: IAM's policies and CloudFormation's templates (botocore/handlers.py)."""


class Form(StrEnum):
    OBJECT = "object"
    LIST = "list"
    MAP = "map"
    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"
    NULL = "null"
    FREE = "free"


SCALARS = frozenset({Form.STRING, Form.NUMBER, Form.BOOLEAN, Form.TIME})
_FORMS = {
    "string": Form.STRING,
    "character": Form.STRING,
    "blob": Form.STRING,
    "timestamp": Form.TIME,
    "boolean": Form.BOOLEAN,
    "integer": Form.NUMBER,
    "long": Form.NUMBER,
    "float": Form.NUMBER,
    "double": Form.NUMBER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """What stands at a place. `element` (a list's element, a map's value) is worked out when it is asked for.

    `members` are those of an object, or the known keys of a map; an object with an element too may have members that are not known.
    """

    form: Form
    name: str = ""
    """The model's name of the shape, for messages and to see recursion; empty for what an expression made."""
    members: Mapping[str, Type] = field(default_factory=dict)
    element_of: Callable[[], Type] | None = None
    enum: tuple[str, ...] = ()
    sensitive: bool = False
    """The model says that the value is not to be logged."""

    @property
    def element(self) -> Type:
        return self.element_of() if self.element_of else FREE

    @property
    def is_scalar(self) -> bool:
        return self.form in SCALARS or self.form is Form.FREE

    @property
    def is_list(self) -> bool:
        return self.form in (Form.LIST, Form.FREE)

    def __str__(self) -> str:
        article = {Form.OBJECT: "an object", Form.NULL: "null", Form.FREE: "of unknown form", Form.TIME: "a time"}
        return article.get(self.form, f"a {self.form}")


FREE = Type(form=Form.FREE)
NULL = Type(form=Form.NULL)
STRING = Type(form=Form.STRING)
NUMBER = Type(form=Form.NUMBER)
BOOLEAN = Type(form=Form.BOOLEAN)


def list_of(element: Type) -> Type:
    return Type(form=Form.LIST, element_of=lambda: element)


def map_of(value: Type) -> Type:
    return Type(form=Form.MAP, element_of=lambda: value)


def object_of(members: Mapping[str, Type], *, others: Callable[[], Type] | None = None) -> Type:
    return Type(form=Form.OBJECT, members=members, element_of=others)


class _Members(Mapping[str, Type]):
    """The members of a structure shape, converted when asked for: shapes may contain themselves."""

    def __init__(self, shapes: Mapping[str, Any]) -> None:
        self._shapes = shapes

    def __getitem__(self, name: str) -> Type:
        return of_shape(self._shapes[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)


def of_shape(shape: Any) -> Type:
    """The Type of a botocore shape; FREE for none and for documents."""
    if shape is None or getattr(shape, "is_document_type", False) or shape.name in DECODED_BY_BOTOCORE:
        return FREE
    kind = shape.type_name
    sensitive = bool(shape.metadata.get("sensitive"))
    if kind == "structure":
        return Type(form=Form.OBJECT, name=shape.name, members=_Members(shape.members), sensitive=sensitive)
    if kind == "list":
        return Type(form=Form.LIST, name=shape.name, element_of=lambda: of_shape(shape.member), sensitive=sensitive)
    if kind == "map":
        known = dict.fromkeys(getattr(shape.key, "enum", ()) or (), shape.value)
        return Type(form=Form.MAP, name=shape.name, members=_Members(known), element_of=lambda: of_shape(shape.value), sensitive=sensitive)
    return Type(form=_FORMS[kind], name=shape.name, enum=tuple(getattr(shape, "enum", ()) or ()), sensitive=sensitive)


class PathError(Exception):
    """The expression cannot yield anything on this type: a member that does not exist, a list where a value is needed, ..."""


def did_you_mean(name: str, known: Mapping[str, Any] | list[str]) -> str:
    """`` ; did you mean X?`` for the most similar known name, else the known names; empty where there is none."""
    names = list(known)
    by_case = [other for other in names if other.lower() == name.lower()]
    near = by_case or difflib.get_close_matches(name, names, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; there are {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}" if names else ""


def member(on: Type, name: str) -> Type:
    """The type of a member; raises PathError when there is none of that name."""
    if on.form is Form.FREE:
        return FREE
    if on.form not in (Form.OBJECT, Form.MAP):
        raise PathError(f"{name} is asked of what is {on}" + (f": write []{'.' + name}" if on.form is Form.LIST else ""))
    if name not in on.members:
        if on.element_of and not (on.form is Form.MAP and on.members):
            return on.element
        where = f" in {on.name}" if on.name else ""
        hint = f"; a literal stands in backquotes: `{name}`" if name in ("null", "true", "false") else did_you_mean(name, on.members)
        raise PathError(f"there is no member {name}{where}{hint}")
    return on.members[name]


def element_of_list(of: Type, what: str) -> Type:
    if not of.is_list:
        raise PathError(f"{what} is applied to what is {of}, not a list")
    return of.element


def resolve(path: str, on: Type) -> Type:
    """What stands at a path of the catalogue (see `entry`); raises PathError where the document can have nothing there."""
    for step in path_segments(path):
        if step == "[]":
            on = element_of_list(on, "[]")
        elif step == "*":
            if on.form not in (Form.MAP, Form.OBJECT, Form.FREE):
                raise PathError(f"* is applied to what is {on}, not a map")
            on = FREE if on.form is Form.OBJECT else on.element
        else:
            on = member(on, step)
    return on
