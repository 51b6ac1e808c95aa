"""Scope, Cell and Resource: what is watched, and what a thing in it is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Json: TypeAlias = Any
"""A JSON value: None, bool, int, str, list or dict with str keys. Canonical values hold no float (see `canonical.py`)."""

GLOBAL = "global"
"""The region of resources that belong to an account, not to a region of it."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Scope:
    """An account and a region of it (or `GLOBAL`) in an AWS partition (`aws`, `aws-cn`, `aws-us-gov`)."""

    partition: str = "aws"
    account: str
    region: str


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Cell:
    """One resource type in one scope: the unit of completeness."""

    scope: Scope
    type: str

    @property
    def account(self) -> str:
        return self.scope.account

    @property
    def region(self) -> str:
        return self.scope.region

    def __str__(self) -> str:
        return f"{self.scope.account}/{self.scope.region}/{self.type}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One thing that was read: its names, tags, canonical configuration, and the fingerprint of tags and configuration.

    `id` is unique in its cell. `fingerprint` is the SHA-256 (hex) of the canonical JSON of ``{"config": ..., "tags": ...}``. `facts` (path
    -> value) is what moves by itself and people want to see beside it: it is in neither.
    """

    cell: Cell
    id: str
    arn: str | None = None
    label: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Json]
    fingerprint: str
    facts: Mapping[str, Json] = field(default_factory=dict)

    @property
    def resource_id(self) -> str:
        return resource_id(self.cell, self.id, self.arn)


def resource_id(cell: Cell, id: str, arn: str | None) -> str:  # noqa: A002 - the glossary's word
    """The name by which decisions, tickets and people know a resource: its ARN, else a name of the same form of our own."""
    return arn or f"driftwatch:{cell.scope.partition}:{cell.account}:{cell.region}:{cell.type}/{id}"
