"""Normalisation: the rules by which the documents of one resource type become canonical, and the shape they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from driftwatch.domain.canonical import canonical_json, sha256_hex
from driftwatch.domain.resource import Json

NORMALISER_VERSION = 1
"""Part of every shape: raised whenever the same rules make another canonical form of the same document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalisation:
    """How the documents of one resource type become canonical: the catalogue entry's normalising fields, as data.

    Paths are member names joined by ``.``; ``[]`` after a name steps into the elements of a list, ``*`` stands for any key of a map.
    `tags` is the path of the tags, which leave the configuration. A list that is named nowhere is a set; inside embedded JSON it is
    ordered.
    """

    tags: str | None = None
    drop: tuple[str, ...] = ()
    lift: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Attribute lists to turn into maps: path -> (key member, value member)."""
    sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Unordered lists: path -> members that key an element; no members for a set of scalars."""
    ordered: tuple[str, ...] = ()
    json: Mapping[str, str] = field(default_factory=dict)
    """Embedded documents: path -> iam-policy | json | json-escaped | yaml-or-json."""
    lower: tuple[str, ...] = ()
    secret: Mapping[str, str] = field(default_factory=dict)
    """path -> value | map-values | whole."""

    def to_json(self) -> Json:
        """The rules as data. Lists whose order means nothing are sorted, so that equal rules have equal data."""
        return {
            "tags": self.tags,
            "drop": sorted(self.drop),
            "lift": {path: list(pair) for path, pair in self.lift.items()},
            "sets": {path: list(keys) for path, keys in self.sets.items()},
            "ordered": sorted(self.ordered),
            "json": dict(self.json),
            "lower": sorted(self.lower),
            "secret": dict(self.secret),
        }

    @classmethod
    def from_json(cls, data: Json) -> Normalisation:
        """The rules that `to_json` wrote."""
        return cls(
            tags=data["tags"],
            drop=tuple(data["drop"]),
            lift={path: (key, value) for path, (key, value) in data["lift"].items()},
            sets={path: tuple(keys) for path, keys in data["sets"].items()},
            ordered=tuple(data["ordered"]),
            json=dict(data["json"]),
            lower=tuple(data["lower"]),
            secret=dict(data["secret"]),
        )


def shape(rules: Normalisation, key_id: str) -> str:
    """SHA-256 (hex) of what decides a fingerprint besides the document: the normaliser, the rules, the key for secrets."""
    return sha256_hex(canonical_json([NORMALISER_VERSION, rules.to_json(), key_id]))
