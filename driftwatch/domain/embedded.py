"""Documents inside text members: JSON, escaped JSON, YAML and IAM policies."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from driftwatch.domain.policy_document import canonical_policy
from driftwatch.domain.resource import Json

YamlReader = Callable[[str], Any]
"""YAML text to a value of dicts, lists and scalars; raises ValueError for text that is not YAML, or that it refuses.

It has to bound what aliases expand to: the normaliser walks every path of the value.
"""

KINDS = ("iam-policy", "json", "json-escaped", "yaml-or-json")
_LARGEST_EXPONENT = 400  # a number beyond any float; as an integer it would be written with that many digits


def decode(value: Json, kind: str, yaml: YamlReader | None) -> Json:
    """The document in `value`: an object or a list. A value that is no text, or no document of its kind, is returned as it is.

    An IAM policy may be URL-encoded (as IAM sends it), escaped (API Gateway) or decoded already (botocore does that to IAM's).
    """
    document = _read(value, kind, yaml) if isinstance(value, str) else value
    if not isinstance(document, dict | list):
        return value
    if kind == "iam-policy" and isinstance(document, dict):
        return canonical_policy(document)
    return document


def _read(text: str, kind: str, yaml: YamlReader | None) -> Json:
    for reader in _readers(kind, yaml):
        try:
            document = reader(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(document, dict | list):
            return document
    return None


def _readers(kind: str, yaml: YamlReader | None) -> tuple[Callable[[str], Any], ...]:
    if kind == "iam-policy":
        return (_json, _url_encoded, _escaped)
    if kind == "json-escaped":
        return (_escaped, _json)
    if kind == "yaml-or-json" and yaml:
        return (_json, yaml)
    return (_json,)


def _json(text: str) -> Json:
    return json.loads(text, object_pairs_hook=_object, parse_float=_number, parse_constant=_refuse)


def _url_encoded(text: str) -> Json:
    return _json(unquote(text, errors="strict"))


def _escaped(text: str) -> Json:
    """JSON that was escaped once more, with or without the quotes around it."""
    return _json(json.loads(text if text.startswith('"') else f'"{text}"', strict=False))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is given twice: which one counts depends on the reader")
    return members


def _number(text: str) -> Decimal:
    number = Decimal(text)
    if number and abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise ValueError(f"{text} is out of range")
    return number


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")
