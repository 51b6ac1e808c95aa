"""Normalisation: from what the API answered to the canonical form that is stored, compared and fingerprinted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from driftwatch.domain.resource import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalisation:
    """How the documents of one resource type become canonical: the catalogue entry's normalising fields, as data.

    Paths are member names joined by ``.``; ``[]`` after a name steps into the elements of a list, ``*`` stands for any key of a map.
    `tags` is the path of the tags, which leave the configuration.
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
        return {
            "tags": self.tags,
            "drop": list(self.drop),
            "lift": {path: list(pair) for path, pair in self.lift.items()},
            "sets": {path: list(keys) for path, keys in self.sets.items()},
            "ordered": list(self.ordered),
            "json": dict(self.json),
            "lower": list(self.lower),
            "secret": dict(self.secret),
        }
