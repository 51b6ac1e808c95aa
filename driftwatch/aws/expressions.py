"""What a JMESPath expression yields on a `Type`: jmespath's syntax tree, walked over the model instead of over a reply."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import jmespath
from jmespath.exceptions import JMESPathError

from driftwatch.aws.replies import result_roots
from driftwatch.aws.shapes import (
    BOOLEAN,
    FREE,
    NULL,
    NUMBER,
    STRING,
    Form,
    PathError,
    Type,
    did_you_mean,
    element_of_list,
    list_of,
    member,
    object_of,
)

Node: TypeAlias = Mapping[str, Any]
"""A node of jmespath's syntax tree: type, children, value."""


def parse(expression: str) -> Node:
    """jmespath's syntax tree; raises PathError for what is no JMESPath."""
    try:
        parsed: Node = jmespath.compile(expression).parsed
    except JMESPathError as error:
        raise PathError(f"{expression!r} is no JMESPath: {str(error).splitlines()[0]}") from error
    return parsed


def infer(expression: str, on: Type) -> Type:
    """What the JMESPath `expression` yields on `on`; raises PathError where it could only ever yield null."""
    return _walk(parse(expression), on)


def roots(expression: str) -> frozenset[str]:
    """The members of the reply itself that an expression begins with."""
    return result_roots(parse(expression))


def _walk(node: Node, on: Type) -> Type:
    return _NODES[node["type"]](node, on)


def _sequence(node: Node, on: Type) -> Type:
    for child in node["children"]:
        on = _walk(child, on)
    return on


def _index_expression(node: Node, on: Type) -> Type:
    left, right = node["children"]
    base = _walk(left, on)
    if right["type"] == "slice":
        element_of_list(base, "a slice")
        return base
    return element_of_list(base, "an index")


def _projection(node: Node, on: Type) -> Type:
    left, right = node["children"]
    return list_of(_walk(right, element_of_list(_walk(left, on), "[*] or []")))


def _flatten(node: Node, on: Type) -> Type:
    inner = element_of_list(_walk(node["children"][0], on), "[]")
    return list_of(inner.element if inner.form is Form.LIST else inner)


def _value_projection(node: Node, on: Type) -> Type:
    left, right = node["children"]
    base = _walk(left, on)
    if base.form not in (Form.OBJECT, Form.MAP, Form.FREE):
        raise PathError(f".* is applied to what is {base}, not an object")
    values = list(base.members.values()) if base.form is Form.OBJECT else [base.element]
    return list_of(_on_any(right, values))


def _on_any(node: Node, types: list[Type]) -> Type:
    """What the expression yields on the first type that it resolves on; the last error where there is none."""
    error: PathError | None = None
    for type_ in types:
        try:
            return _walk(node, type_)
        except PathError as failed:
            error = failed
    if error:
        raise error
    return FREE


def _filter(node: Node, on: Type) -> Type:
    left, right, condition = node["children"]
    element = element_of_list(_walk(left, on), "a filter")
    _walk(condition, element)
    return list_of(_walk(right, element))


def _comparator(node: Node, on: Type) -> Type:
    left, right = node["children"]
    types = (_walk(left, on), _walk(right, on))
    for one, literal in zip(types, (right, left), strict=True):
        value = literal.get("value")
        if literal["type"] == "literal" and one.enum and isinstance(value, str) and value not in one.enum:
            raise PathError(f"{value!r} is no value of {one.name}{did_you_mean(value, list(one.enum))}")
        if literal["type"] == "literal" and node["value"] in ("eq", "ne") and not _comparable(one, value):
            raise PathError(f"what is {one} is compared with {value!r}")
    return BOOLEAN


def _comparable(one: Type, value: object) -> bool:
    if value is None or one.form in (Form.FREE, Form.NULL):
        return True
    return _of_value(value).form is one.form


def _logical(node: Node, on: Type) -> Type:
    left, right = (_walk(child, on) for child in node["children"])
    return right if left.form is Form.NULL else left


def _of_value(value: Any) -> Type:
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, int | float):
        return NUMBER
    if isinstance(value, str):
        return STRING
    if isinstance(value, list):
        return list_of(_of_value(value[0]) if value else FREE)
    if isinstance(value, dict):
        return object_of({key: _of_value(item) for key, item in value.items()})
    return NULL


def _multi_select(node: Node, on: Type) -> Type:
    types = [_walk(child, on) for child in node["children"]]
    return list_of(types[0] if len({one.form for one in types}) == 1 else FREE)


def _hash(node: Node, on: Type) -> Type:
    return object_of({pair["value"]: _walk(pair["children"][0], on) for pair in node["children"]})


def _not(node: Node, on: Type) -> Type:
    _walk(node["children"][0], on)
    return BOOLEAN


_RESULTS: Mapping[str, Type] = {
    **dict.fromkeys(("abs", "avg", "ceil", "floor", "length", "sum", "to_number"), NUMBER),
    **dict.fromkeys(("contains", "ends_with", "starts_with"), BOOLEAN),
    **dict.fromkeys(("join", "to_string", "type"), STRING),
    "keys": list_of(STRING),
}
"""Functions of JMESPath whose result does not depend on their argument."""


def _function(node: Node, on: Type) -> Type:
    name, arguments = node["value"], node["children"]
    if name not in _RESULTS and name not in _TYPED:
        raise PathError(f"JMESPath has no function {name}(){did_you_mean(name, [*_RESULTS, *_TYPED])}")
    if name in ("map", "sort_by", "min_by", "max_by"):
        expression, of = arguments if name == "map" else reversed(arguments)
        base = _walk(of, on)
        inner = _walk(expression["children"][0], element_of_list(base, f"{name}()"))
        return {"map": list_of(inner), "sort_by": base}.get(name, base.element)
    types = [_walk(argument, on) for argument in arguments]
    return _RESULTS[name] if name in _RESULTS else _TYPED[name](types)


def _values(types: list[Type]) -> Type:
    of = types[0]
    return list_of(next(iter(of.members.values()), FREE) if of.form is Form.OBJECT else of.element)


def _merge(types: list[Type]) -> Type:
    if any(of.form is not Form.OBJECT for of in types):
        return FREE
    return object_of({name: of.members[name] for of in types for name in of.members})


_TYPED: Mapping[str, Callable[[list[Type]], Type]] = {
    **dict.fromkeys(("reverse", "sort", "not_null"), lambda types: types[0]),
    **dict.fromkeys(("max", "min"), lambda types: element_of_list(types[0], "max() or min()")),
    **dict.fromkeys(("map", "sort_by", "min_by", "max_by"), lambda types: types[0]),
    "merge": _merge,
    "to_array": lambda types: types[0] if types[0].form is Form.LIST else list_of(types[0]),
    "values": _values,
}

_NODES: Mapping[str, Callable[[Node, Type], Type]] = {
    "field": lambda node, on: member(on, node["value"]),
    "identity": lambda _, on: on,
    "current": lambda _, on: on,
    "literal": lambda node, _: _of_value(node["value"]),
    "index": lambda _, on: element_of_list(on, "an index"),
    "slice": lambda _, on: on,
    "subexpression": _sequence,
    "pipe": _sequence,
    "index_expression": _index_expression,
    "projection": _projection,
    "value_projection": _value_projection,
    "filter_projection": _filter,
    "flatten": _flatten,
    "comparator": _comparator,
    "and_expression": lambda node, on: [_walk(child, on) for child in node["children"]][-1],
    "or_expression": _logical,
    "not_expression": _not,
    "multi_select_list": _multi_select,
    "multi_select_dict": _hash,
    "function_expression": _function,
    "expref": lambda node, on: _walk(node["children"][0], on),
}
