"""YAML inside text members (templates, documents) as plain values, for the normaliser.

Scalars stay text: YAML's guesses (octal account ids, `off` for false) would make different texts equal. A tag such as ``!Sub`` becomes
the key of a map around its value.
"""

from __future__ import annotations

from typing import Any

import yaml

MAX_SIZE = 2 << 20
"""In characters; a CloudFormation template has 1 MB at most."""
MAX_DEPTH = 100
MAX_NODES = 200_000

_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def read_yaml(text: str) -> Any:
    """The one document in `text`; raises ValueError for what is no YAML, and for aliases, duplicate keys, and more than the limits."""
    if len(text) > MAX_SIZE:
        raise ValueError(f"more than {MAX_SIZE} characters of YAML")
    try:
        _check_events(text)
        return _value(yaml.compose(text, Loader=_LOADER))
    except yaml.YAMLError as error:
        raise ValueError("no YAML") from error


def _check_events(text: str) -> None:
    """Looks at the parser's events first: the composer follows nesting by recursion."""
    depth = 0
    for nodes, event in enumerate(yaml.parse(text, Loader=_LOADER)):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("an alias: a small text may stand for an enormous document")  # noqa: TRY004 - a refused value
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            raise ValueError("YAML that is nested too deeply, or has too many values")


def _value(node: Any) -> Any:
    value: Any = node.value if node is not None else None
    if isinstance(node, yaml.SequenceNode):
        value = [_value(item) for item in node.value]
    elif isinstance(node, yaml.MappingNode):
        value = {_key(key): _value(item) for key, item in node.value}
        if len(value) != len(node.value):
            raise ValueError("a key is given twice")
    tagged = node is not None and node.tag.startswith("!") and node.tag != "!"
    return {node.tag: value} if tagged else value


def _key(node: Any) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise ValueError("a key that is no text")  # noqa: TRY004 - a refused value
    return str(node.value)
