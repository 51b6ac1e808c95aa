"""IAM policy documents: one spelling for policies that mean the same (IAM's policy grammar)."""

from __future__ import annotations

from typing import Any

from driftwatch.domain.canonical import scalar_text
from driftwatch.domain.resource import Json

_ACCOUNT_DIGITS = 12


def canonical_policy(policy: dict[str, Any]) -> dict[str, Any]:
    """The policy with a list of statements, every list of text as a list without repeats, and principals in full.

    Actions keep their spelling: tickets and pointers name them by it. `Principal: "*"` is `{"AWS": ["*"]}`, an account id its root's
    ARN, a condition value text. Order is left to the normaliser. What is not as the grammar has it stays as it is.
    """
    if "Statement" not in policy:
        return policy
    statements = policy["Statement"]
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list):
        return policy
    return {**policy, "Statement": [_statement(item) if isinstance(item, dict) else item for item in statements]}


def _statement(statement: dict[str, Any]) -> dict[str, Any]:
    return {name: _MEMBERS[name](value) if name in _MEMBERS else value for name, value in statement.items()}


def _texts(value: Json) -> Json:
    """A list of text without repeats, for one text or a list of them."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return list(dict.fromkeys(value))
    return value


def _principal(value: Json) -> Json:
    if value == "*":
        return {"AWS": ["*"]}
    if not isinstance(value, dict):
        return value
    return {kind: _accounts(names) if kind == "AWS" else _texts(names) for kind, names in value.items()}


def _accounts(value: Json) -> Json:
    items = value if isinstance(value, list) else [value]
    return _texts([_root(item) for item in items])


def _root(principal: Json) -> Json:
    if isinstance(principal, int) and not isinstance(principal, bool):  # a template may write the account id without quotes
        principal = str(principal).zfill(_ACCOUNT_DIGITS)
    if isinstance(principal, str) and len(principal) == _ACCOUNT_DIGITS and principal.isascii() and principal.isdigit():
        return f"arn:aws:iam::{principal}:root"
    return principal


def _condition(value: Json) -> Json:
    if not isinstance(value, dict):
        return value
    return {
        operator: {key: _condition_values(values) for key, values in keys.items()} if isinstance(keys, dict) else keys
        for operator, keys in value.items()
    }


def _condition_values(value: Json) -> Json:
    items = value if isinstance(value, list) else [value]
    if any(item is None or isinstance(item, dict | list) for item in items):
        return value
    return list(dict.fromkeys(scalar_text(item) for item in items))


_MEMBERS = {
    "Action": _texts,
    "NotAction": _texts,
    "Resource": _texts,
    "NotResource": _texts,
    "Principal": _principal,
    "NotPrincipal": _principal,
    "Condition": _condition,
}
