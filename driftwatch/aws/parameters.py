"""The type check of the parameters of one call: what is required, known, of the right form, and a value that the service knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.validate import ParamValidator

from driftwatch.aws.entry import expression
from driftwatch.aws.expressions import infer
from driftwatch.aws.rows import PLACEHOLDER, is_template
from driftwatch.aws.shapes import NULL, Form, PathError, Type, did_you_mean, of_shape

_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


def check_params(params: Mapping[str, Any], shape: Any, names: Mapping[str, Type]) -> Iterator[str]:
    """A sentence for every fault. `names` are the types of ``$name`` expressions; `shape` is botocore's input shape (None: no input)."""
    if shape is None:
        if params:
            yield f"takes no parameters, but has {', '.join(params)}"
        return
    faults: list[str] = []
    values = _filled(params, shape, names, "", faults)
    yield from faults
    report = ParamValidator().validate(values, shape)
    if report.has_errors():
        for line in report.generate_report().splitlines():
            yield line[0].lower() + line[1:] + _near(line, shape)


def _near(line: str, shape: Any) -> str:
    if not line.startswith("Unknown parameter in input"):
        return ""
    return did_you_mean(line.split('"')[1], list(shape.members))


def _filled(value: Any, shape: Any, names: Mapping[str, Type], where: str, faults: list[str]) -> Any:
    """`value` with a dummy of the right form in place of every expression; literals that the service does not know become faults."""
    kind = shape.type_name if shape is not None else ""
    if found := expression(value):
        return _bound(value, *found, shape, names, where, faults)
    if is_template(value):
        return _templated(value, shape, names, where, faults)
    if isinstance(value, Mapping) and kind in ("structure", "map"):
        shapes = shape.members if kind == "structure" else dict.fromkeys(value, shape.value)
        return {key: _filled(item, shapes.get(key), names, f"{where}.{key}".lstrip("."), faults) for key, item in value.items()}
    if isinstance(value, list) and kind == "list":
        return [_filled(item, shape.member, names, f"{where}[]", faults) for item in value]
    if kind == "string" and isinstance(value, str) and shape.enum and value not in shape.enum:
        faults.append(f"{where}: {value!r} is no value of {shape.name}{did_you_mean(value, list(shape.enum))}")
    most = shape.metadata.get("max") if kind in ("integer", "long", "list") else None
    size = len(value) if isinstance(value, list) else value
    if most is not None and isinstance(size, int) and size > most:
        faults.append(f"{where}: {value!r} is more than the maximum of {most}")
    return value


def _bound(text: str, name: str, path: str, shape: Any, names: Mapping[str, Type], where: str, faults: list[str]) -> Any:
    if name not in names:
        faults.append(f"{where}: {text} is not bound{did_you_mean('$' + name, ['$' + known for known in names])}")
        return dummy(shape)
    try:
        found = infer(path, names[name]) if path else names[name]
    except PathError as error:
        faults.append(f"{where}: {text}: {error}")
        return dummy(shape)
    wanted = of_shape(shape).form
    if shape is not None and Form.FREE not in (found.form, wanted) and found.form is not wanted:
        faults.append(f"{where}: {text} is {found}; expected {of_shape(shape)}")
    return dummy(shape)


def _templated(template: str, shape: Any, names: Mapping[str, Type], where: str, faults: list[str]) -> Any:
    for name in PLACEHOLDER.findall(template):
        try:
            found = names[name] if name in names else infer(name, names.get("item", NULL))
        except PathError as error:
            faults.append(f"{where}: {{{name}}}: {error}")
        else:
            if not found.is_scalar:
                faults.append(f"{where}: {{{name}}} is {found}, not a single value")
    return dummy(shape)


def dummy(shape: Any) -> Any:
    """Some value that botocore's validator accepts for the shape; a text where the shape is not known."""
    kind = shape.type_name if shape is not None else "string"
    least = int(shape.metadata.get("min") or 1) if shape is not None else 1
    if kind == "structure":
        return {name: dummy(shape.members[name]) for name in shape.required_members}
    if kind == "list":
        return [dummy(shape.member)] * max(1, least)
    if kind == "map":
        return {dummy(shape.key): dummy(shape.value)}
    if kind in ("integer", "long", "float", "double"):
        return least
    return {"boolean": True, "timestamp": _EPOCH, "blob": b"x"}.get(kind, "x" * max(1, least))
