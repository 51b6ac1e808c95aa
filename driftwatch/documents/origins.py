"""Where each value of an effective policy comes from: the preset, a line of the policy file, or the people file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from driftwatch.documents import policies
from driftwatch.documents.context import CONTEXT_KEYS
from driftwatch.documents.people import People
from driftwatch.documents.reader import read, read_file
from driftwatch.documents.tree import MapNode, Node
from driftwatch.domain.authorization.policy import Policy
from driftwatch.domain.resource import Json
from driftwatch.errors import Place

PRESET_FOLDER: Final = "presets/"
_GROUPED: Final = ("rules", "approvals", "reviews", "tests", "emergency", "exceptions", "baseline", "identities", "roles", "groups")
"""The keys whose members come from different places."""


@dataclass(frozen=True, slots=True)
class Origin:
    """One value of the effective policy: `source` is `preset`, `file`, `people`, `file and people`, or `default` for what nobody wrote."""

    key: tuple[str, ...]
    value: Json
    source: str
    place: Place | None


class Traced:
    """An effective policy, people included, with the places of its values."""

    def __init__(self, path: Path, people: People | None = None) -> None:
        """Reads the policy file; raises InputError as `policies.load` does."""
        self.people = people or People()
        self.policy: Policy = policies.with_people(policies.load(path), self.people)
        written = read(read_file(path), str(path))
        self._node = policies.merged(policies.preset_node(self.policy.extends), written)
        self._path = path

    def place(self, *key: str | int) -> Place:
        """Where this stands in the policy file, or the nearest thing around it; the file as a whole for what the preset says."""
        place, node = Place(str(self._path)), self._node
        for part in key:
            if isinstance(node, MapNode) and isinstance(part, str) and part in node.entries:
                place, node = node.keys[part], node.entries[part]
            elif not isinstance(node, MapNode) and isinstance(part, int) and part < len(getattr(node, "items", ())):
                node = node.items[part]  # type: ignore[union-attr]
                place = node.place
            else:
                break
        return Place(str(self._path)) if place.source.startswith(PRESET_FOLDER) else place

    def origins(self) -> Iterator[Origin]:
        """Every value of the effective policy, in the order of its document."""
        for name, value in policies.policy_document(self.policy).items():
            if name in _GROUPED and isinstance(value, dict) and value:
                for member, inner in value.items():
                    yield self._origin((name, member), inner)
            elif value not in ([], {}) or name not in CONTEXT_KEYS or self._written((name,)):
                yield self._origin((name,), value)

    def _origin(self, key: tuple[str, ...], value: Json) -> Origin:
        written = self._written(key)
        by_people = key[0] in {"identities", "roles", "groups"} and key[1:] and key[1] in self._of_people(key[0])
        if written and not by_people:
            preset = written.source.startswith(PRESET_FOLDER)
            return Origin(key, value, "preset" if preset else "file", None if preset else written)
        if by_people:
            return Origin(key, value, "file and people" if written else "people", written)
        return Origin(key, value, "default", None)

    def _of_people(self, name: str) -> set[str]:
        return set({"identities": self.people.identities, "roles": self.people.roles, "groups": self.people.groups}[name]())

    def _written(self, key: tuple[str, ...]) -> Place | None:
        node: Node = self._node
        place: Place | None = None
        for part in key:
            if not isinstance(node, MapNode) or part not in node.entries:
                return None
            place, node = node.keys[part], node.entries[part]
        return place
