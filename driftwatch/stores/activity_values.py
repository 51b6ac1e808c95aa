"""What many logged calls have in common: each value stored once, and referred to by its number."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Any, TypeVar

from sqlalchemy import select

from driftwatch.domain import codec
from driftwatch.domain.canonical import encode, sha256_hex
from driftwatch.domain.resource import Json
from driftwatch.stores.schema import activity_values as table
from driftwatch.stores.session import Session, chunks

_MOST = 20_000
"""Values that are kept in memory, each way. A log in which nothing is ever repeated must not fill it."""

T = TypeVar("T")


class SqlActivityValues:
    """Texts, tuples and nouns of the domain by their numbers. Equal JSON is one value, whatever it was made from."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._numbers: dict[Hashable, int] = {}
        self._stored: dict[int, Json] = {}
        self._decoded: dict[int, Any] = {}

    def numbers(self, values: Collection[Hashable]) -> Mapping[Hashable, int]:
        """Their numbers, which are given to those that are new."""
        return self._find(values, make=True)

    def known(self, values: Collection[Hashable]) -> Mapping[Hashable, int]:
        """The numbers of those that the store has."""
        return self._find(values, make=False)

    def _find(self, values: Collection[Hashable], *, make: bool) -> Mapping[Hashable, int]:
        found = {value: self._numbers[value] for value in values if value in self._numbers}
        if len(self._numbers) > _MOST:
            self._numbers.clear()
        for chunk in chunks(value for value in dict.fromkeys(values) if value not in found):
            bodies = {value: codec.encode(value) for value in chunk}
            digests = {value: sha256_hex(encode(body)) for value, body in bodies.items()}
            numbers = self._of(digests.values())
            if make:
                new = {digest: bodies[value] for value, digest in digests.items() if digest not in numbers}
                rows = [{"digest": digest, "value": body} for digest, body in new.items()]
                numbers |= {row.digest: row.number for row in self._session.insert_new(table, rows, table.c.number, table.c.digest)}
            here = {value: numbers[digest] for value, digest in digests.items() if digest in numbers}
            self._numbers |= here
            found |= here
        return found

    def _of(self, digests: Iterable[str]) -> dict[str, int]:
        wanted = select(table.c.number, table.c.digest).where(table.c.digest.in_(list(digests)))
        return {row.digest: row.number for row in self._session.all(wanted)}

    def load(self, numbers: Collection[int]) -> None:
        """Reads the values of these numbers, so that `told` and `noun` can answer."""
        if len(self._stored) > _MOST:
            self._stored.clear()
            self._decoded.clear()
        for chunk in chunks(number for number in numbers if number not in self._stored):
            for row in self._session.all(select(table.c.number, table.c.value).where(table.c.number.in_(chunk))):
                self._stored[row.number] = row.value

    def told(self, number: int) -> Any:
        """The value of a number that was loaded, as JSON."""
        return self._stored[number]

    def noun(self, kind: type[T], number: int) -> T:
        """The value of a number that was loaded, as what it was made from."""
        if number not in self._decoded:
            self._decoded[number] = codec.decode(kind, self._stored[number])
        result: T = self._decoded[number]
        return result
