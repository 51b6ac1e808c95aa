"""The shipped map from Terraform's AWS types and attributes to resource types and pointers; `terraform_map.toml` says how it is written."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Any, Final

from driftwatch.domain.canonical import scalar_text
from driftwatch.domain.pointer import escape_segment
from driftwatch.domain.resource import Json
from driftwatch.errors import InputError, Place

FILE: Final = "terraform_map.toml"
_HOLE: Final = re.compile(r"\{(\w+)(\??)\}")


class As(StrEnum):
    """In which form an attribute's value stands at its pointer."""

    SAME = "same"
    TEXT = "text"
    SET = "set"
    KEYED = "keyed"
    MAP = "map"
    NAMES = "names"
    OPAQUE = "opaque"


class Rules(StrEnum):
    """Where the rules of a security group stand in a Terraform resource."""

    INLINE = "inline"
    LISTS = "lists"
    INGRESS = "ingress"
    EGRESS = "egress"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """Where an attribute is found: its pointers (the first one also in a new resource), and in which form.

    `empty_is_absent`: where Terraform has 0, "" or null, nothing is there.
    """

    at: tuple[str, ...]
    form: As = As.SAME
    empty_is_absent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeMap:
    """One Terraform type; the fields are those of the file."""

    type: str
    id: str | None = None
    name: str | None = None
    tags: bool = False
    of: str | None = None
    part: tuple[str, ...] = ()
    attributes: Mapping[str, Attribute]
    silent: frozenset[str]
    always: tuple[str, ...] = ()
    deleted_as: tuple[str, ...] = ()
    replaced_as_update: bool = False
    rules: Rules | None = None

    @property
    def pointers(self) -> tuple[str, ...]:
        """Every pointer that the entry names."""
        return (*self.part, *self.always, *self.deleted_as, *(path for item in self.attributes.values() for path in item.at))


def load(text: str | None = None) -> Mapping[str, TypeMap]:
    """The map by Terraform type; the shipped one where no text is given. Raises InputError for an entry that is no such thing."""
    document = tomllib.loads(text if text is not None else files(__package__).joinpath(FILE).read_text(encoding="utf-8"))
    common = frozenset(document.pop("common", {}).get("silent", ()))
    made = {name: _entry(name, entry, common) for name, entry in document.items() if "like" not in entry}
    return made | {name: made[entry["like"]] for name, entry in document.items() if "like" in entry}


def filled(template: str, attributes: Mapping[str, Json], *, pointer: bool = False) -> str | None:
    """The template with the attributes' values in its holes, as segments where it is a pointer; None where one of them is not known."""
    missing = False

    def value_of(hole: re.Match[str]) -> str:
        nonlocal missing
        value = attributes.get(hole[1])
        if not isinstance(value, str | int):
            missing = missing or not hole[2]
            return ""
        return escape_segment(scalar_text(value)) if pointer else scalar_text(value)

    text = _HOLE.sub(value_of, template)
    return None if missing else text


def _entry(name: str, entry: Mapping[str, Any], common: frozenset[str]) -> TypeMap:
    given: dict[str, Any] = dict(entry)
    try:
        return TypeMap(
            attributes={key: _attribute(item) for key, item in given.pop("attributes", {}).items()},
            silent=common | frozenset(given.pop("silent", ())),
            rules=Rules(given.pop("rules")) if "rules" in given else None,
            **_frozen(given),
        )
    except (TypeError, ValueError, KeyError) as error:
        raise InputError(f"the entry {name}: {error}", expected="an entry as the head of the file describes", place=Place(FILE)) from error


def _frozen(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}


def _attribute(given: Any) -> Attribute:
    if isinstance(given, str | list):
        return Attribute(at=_pointers(given))
    return Attribute(at=_pointers(given["at"]), form=As(given.get("as", "same")), empty_is_absent=given.get("empty") == "absent")


def _pointers(given: str | list[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
