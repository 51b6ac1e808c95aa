"""The ledger as its readers page through it: the newest entries first, of one kind or person if they like.

A page looks at a bounded number of entries. One that cannot be read is told as such in its place, whatever was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from driftwatch.documents.ledger_lines import entry_document
from driftwatch.domain.ledger import LedgerRow
from driftwatch.domain.resource import Json
from driftwatch.errors import DriftwatchError
from driftwatch.operations.installation import Installation
from driftwatch.ports import UnitOfWork

LOOKED_AT: Final = 5_000
"""Entries that one page looks at."""
_PORTION: Final = 500
_WHO: Final = ("person", "who", "by")
_ABOUT: Final = (
    "record",
    "exception",
    "finding",
    "version",
    "baseline",
    "object",
    "token",
    "cell",
    "scan",
    "source",
    "policy",
    "activation",
)
"""Members of a body that name who acted, and what an entry is about; the first that is there counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """A page. `down_to` is the last number that was looked at, `following` what the next page has to lie before (None: this is the end)."""

    entries: tuple[Json, ...]
    down_to: int
    following: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceStanding:
    """How far a second place has got: the number of its last checkpoint, and what is wrong with it."""

    name: str
    number: int | None
    problem: str | None = None


def latest(installation: Installation, before: int, limit: int, kind: str = "", person: str = "", most: int = LOOKED_AT) -> Entries:
    """The entries before the number `before`, the newest first: `limit` of them, out of `most` that are looked at."""
    found: list[Json] = []
    at = before - 1
    last = max(0, at - most)
    with installation.store.read() as uow:
        while at > last:
            size = min(at - last, _PORTION if kind or person else limit)
            for row in _rows(uow, at, size):
                if (entry := _entry(row)) and _wanted(entry, kind, person):
                    found.append(entry)
                if len(found) == limit:
                    return Entries(entries=tuple(found), down_to=row[0], following=row[0] if row[0] > 1 else None)
            at -= size
    return Entries(entries=tuple(found), down_to=at + 1, following=at + 1 if at > 0 else None)


def places(installation: Installation) -> list[PlaceStanding]:
    """The second places of checkpoints, and how far each has got."""
    return [_standing(place) for place in installation.checkpoint_places]


def _standing(place: Any) -> PlaceStanding:
    try:
        last = place.last()
    except DriftwatchError as error:
        return PlaceStanding(name=place.name, number=None, problem=str(error))
    return PlaceStanding(name=place.name, number=last.number if last else None)


def _rows(uow: UnitOfWork, at: int, size: int) -> list[LedgerRow]:
    """Those of the `size` numbers up to `at` that there are, the last first; a number may be missing where somebody removed it."""
    return [row for row in reversed(uow.ledger.rows(at - size, size)) if row[0] <= at]


def _entry(row: LedgerRow) -> dict[str, Any]:
    try:
        document: dict[str, Any] = entry_document(row)
    except ValueError:
        return {"seq": row[0], "damaged": True}
    body = document["body"] if isinstance(document["body"], dict) else {}
    return document | {"damaged": False, "who": _first(body, _WHO), "about": _first(body, _ABOUT)}


def _first(body: dict[str, Any], names: tuple[str, ...]) -> str | None:
    return next((body[name] for name in names if isinstance(body.get(name), str)), None)


def _wanted(entry: dict[str, Any], kind: str, person: str) -> bool:
    return entry["damaged"] or ((not kind or entry["type"] == kind) and (not person or entry["who"] == person))
