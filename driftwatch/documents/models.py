"""Settings models filled from a document: what pydantic refuses is told with the place in the file, as every other problem is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails, core_schema

from driftwatch.documents import values
from driftwatch.documents.fields import nearest
from driftwatch.documents.problems import Problems
from driftwatch.documents.tree import ListNode, MapNode, Node, Scalar, shown
from driftwatch.errors import Place

M = TypeVar("M", bound=BaseModel)
Location = tuple[int | str, ...]

_KIND_ERRORS: Final = ("_type", "_parsing", "_from_float")
_KINDS: Final = {
    "model": "a mapping of keys to values",
    "tuple": "a list",
    "bool": "true or false",
    "int": "a whole number",
    "string": "text",
}
_SECRET_KEYS: Final = frozenset({"url", "external_id"})
"""Values that may hold a credential, and are therefore never repeated in a message."""


@dataclass(frozen=True, slots=True)
class Word:
    """Annotates a text setting: it matches `pattern` as a whole; `wanted` says in words what that is."""

    pattern: str
    wanted: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        compiled = re.compile(self.pattern)

        def check(value: str) -> str:
            if not compiled.fullmatch(value):
                raise ValueError(self.wanted)
            return value

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(schema) | {"pattern": f"^({self.pattern})$", "description": self.wanted}


class Section(BaseModel):
    """A part of the settings: unknown keys are refused, true and false are not numbers, text is visible, and values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_guesswork(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, bool) and info.field_name and cls.model_fields[info.field_name].annotation is not bool:
            raise ValueError("a value other than true and false")
        if isinstance(value, str) and not value.isprintable():
            raise ValueError("text of visible characters")
        return value


def filled(
    model: type[M], node: Node, problems: Problems, *, given: Mapping[str, Any] | None = None, place_of: Callable[[Location], Place | None]
) -> M | None:
    """A `model` from the mapping `node`, or None after noting every problem.

    `given` holds values that stand above those of the file; `place_of` tells where a value outside of the file came from.
    """
    if not isinstance(node, MapNode):
        return problems.add(node.place, values.found(node), "a mapping of keys to values")
    data = over(_without_nulls(values.anything(node, problems)), given or {})
    refused = problems.places()
    try:
        return model.model_validate(data)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            _note(model, node, detail, problems, refused, place_of(detail["loc"]))
        return None


def over(data: Any, given: Any) -> Any:
    """`data` with the values of `given` in their places: mappings merge, everything else replaces."""
    if not isinstance(data, dict) or not isinstance(given, Mapping):
        return given
    return data | {key: over(data[key], value) if key in data else value for key, value in given.items()}


def _note(
    model: type[BaseModel], root: Node, detail: ErrorDetails, problems: Problems, refused: frozenset[Place], outside: Place | None
) -> None:
    node, key, whole = _walk(root, detail["loc"])
    last = str(detail["loc"][-1]) if detail["loc"] else ""
    if detail["type"] == "extra_forbidden":
        known = _known_keys(model, detail["loc"][:-1])
        problems.add(outside or key or node.place, f"the unknown key {shown(last)}", nearest(last, known))
    elif detail["type"] == "missing":
        if not whole:
            problems.add(outside or node.place, f'no "{last}"', f'"{last}" here')
    elif detail["type"] == "too_short":
        if not detail["input"]:  # else the elements were refused one by one
            problems.add(outside or node.place, "an empty list", "at least one element")
    elif outside or node.place not in refused:
        problems.add(outside or node.place, *_told(node, detail, last, in_file=whole and outside is None))


def _told(node: Node, detail: ErrorDetails, last: str, *, in_file: bool) -> tuple[str, str]:
    """What was found and what is expected, from a pydantic error and the node that it is about."""
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ").removeprefix("Value should be ")
    found, separator, expected = message.partition("; expected ")
    if separator:
        return found, expected
    if in_file and detail["type"] == "string_type" and isinstance(node, Scalar) and node.plain:
        return values.found(node), f"text; quote it: {shown(node.text)}"
    wanted = _KINDS.get(detail["type"].partition("_")[0] if detail["type"].endswith(_KIND_ERRORS) else "", message)
    return values.found(node) if in_file and last not in _SECRET_KEYS else "this value", wanted


def _walk(node: Node, location: Iterable[int | str]) -> tuple[Node, Place | None, bool]:
    """The deepest node on the way to `location`, the place of its key, and whether it is the location itself."""
    key: Place | None = None
    for part in location:
        if isinstance(node, MapNode) and part in node.entries:
            key, node = node.keys[str(part)], node.entries[str(part)]
        elif isinstance(node, ListNode) and isinstance(part, int) and part < len(node.items):
            key, node = None, node.items[part]
        else:
            return node, key, False
    return node, key, True


def _known_keys(model: type[BaseModel], location: Location) -> tuple[str, ...]:
    """The keys that the model has at a location."""
    for part in location:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        inner = _model_in(field.annotation) if field else None
        if inner is None:
            return ()
        model = inner
    return tuple(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((inner for argument in get_args(annotation) if (inner := _model_in(argument)) is not None), None)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
