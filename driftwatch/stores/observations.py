"""Observations: history by change. A resource that did not change costs no write, a changed one costs a row."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, delete, func, insert, null, select, update

from driftwatch.domain.baseline import Mismatch
from driftwatch.domain.resource import Cell, Json, Resource
from driftwatch.domain.snapshot import Put, Stored, cell_digest
from driftwatch.errors import StoreError
from driftwatch.stores.documents import SqlDocuments
from driftwatch.stores.mismatches import among, mismatches, stored_of
from driftwatch.stores.named import named
from driftwatch.stores.schema import observations, resource_facts
from driftwatch.stores.session import Session, chunks, values_of

_PRESENT = observations.c.until.is_(null())
_AMENDED = ("arn", "label", "fingerprint", "reshaped", "missing_since")
"""What a reading may change in a row that stays."""
_AMEND = (
    update(observations)
    .where(observations.c.row == bindparam("amended_row"))
    .values({name: bindparam(f"new_{name}", type_=observations.c[name].type) for name in _AMENDED})
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listing:
    """One call of `put`: where, when, and under which shapes."""

    cell: int
    known_at: datetime | None
    now: datetime
    read_at: datetime | None
    same_shape: bool
    reshaped: Mapping[str, str]
    """Fingerprints under the coming shape, by the resource's id."""


class SqlObservations:
    """Implements `ports.Observations`. Do not write to a cell while one of its streams is still being read: collect first."""

    def __init__(self, session: Session, documents: SqlDocuments) -> None:
        self._session = session
        self._documents = documents

    def put(
        self,
        cell: Cell,
        resources: Sequence[Resource],
        *,
        known_at: datetime | None,
        now: datetime,
        reshaped: Sequence[Resource] = (),
        same_shape: bool = True,
        read_at: datetime | None = None,
    ) -> Put:
        """Stores what was read, with the documents of what is new. Raises StoreError on two different resources of one id.

        A resource that a reading later than `read_at` has seen otherwise, or missed, stays as that one left it.
        """
        coming = {resource.id: resource for resource in reshaped}
        listing = _Listing(
            cell=self._session.make_cell(cell),
            known_at=known_at,
            now=now,
            read_at=read_at,
            same_shape=same_shape,
            reshaped={id_: resource.fingerprint for id_, resource in coming.items()},
        )
        rows, changed = array("q"), 0
        for chunk in chunks(resources):
            known = self._known(listing.cell, chunk)
            kept = self._kept(listing, chunk, known)
            news = [resource for resource in chunk if resource.id not in kept]
            unlike = [resource for resource in news if (row := known.get(resource.id)) is None or row.fingerprint != resource.fingerprint]
            new_shape = [coming[item.id] for item in news if item.id in coming and _coming_changed(known.get(item.id), coming[item.id])]
            self._documents.put(
                (resource.fingerprint, {"config": dict(resource.config), "tags": dict(resource.tags)}) for resource in (*unlike, *new_shape)
            )
            numbers = {id_: row.row for id_, row in known.items()} | kept | self._write(listing, news, known)
            self._put_facts(listing, [resource for resource in news if resource.facts])
            rows.extend(numbers[resource.id] for resource in chunk)
            changed += len({resource.id for resource in unlike})
        return Put(rows=rows, changed=changed)

    def _kept(self, listing: _Listing, chunk: Sequence[Resource], known: Mapping[str, Row[Any]]) -> dict[str, int]:
        """The resources that a later reading has seen otherwise, or missed, with the rows that it left; by id."""
        if listing.read_at is None:
            return {}
        kept = {
            resource.id: row.row
            for resource in chunk
            if (row := known.get(resource.id)) and row.since > listing.read_at and row.fingerprint != resource.fingerprint
        }
        if unknown := [resource.id for resource in chunk if resource.id not in known]:
            gone = (observations.c.cell == listing.cell) & observations.c.id.in_(unknown) & (observations.c.until > listing.read_at)
            last = select(observations.c.id, func.max(observations.c.row).label("last")).where(gone).group_by(observations.c.id)
            kept |= {row.id: row.last for row in self._session.all(last)}
        return kept

    def _put_facts(self, listing: _Listing, chunk: Sequence[Resource]) -> None:
        """Rewrites the facts that are not what is stored."""
        if not chunk:
            return
        of_these = (resource_facts.c.cell == listing.cell) & resource_facts.c.id.in_([resource.id for resource in chunk])
        known = {row.id: row.facts for row in self._session.all(select(resource_facts.c.id, resource_facts.c.facts).where(of_these))}
        for resource in chunk:
            if known.get(resource.id) != resource.facts:
                row = {"cell": listing.cell, "id": resource.id, "facts": dict(resource.facts), "read_at": listing.now}
                self._session.save(resource_facts, row)

    def facts(self, cell: Cell, id_: str) -> tuple[Json, datetime] | None:
        """What moves by itself beside a present resource, and since when it is known to be so; None where nothing is kept."""
        wanted = (resource_facts.c.cell == self._session.cell(cell)) & (resource_facts.c.id == id_)
        row = self._session.one(select(resource_facts).where(wanted))
        return (row.facts, row.read_at) if row else None

    def _known(self, cell: int, chunk: Sequence[Resource]) -> dict[str, Row[Any]]:
        """The present rows of these resources, by id."""
        prints: dict[str, str] = {}
        for resource in chunk:
            if prints.setdefault(resource.id, resource.fingerprint) != resource.fingerprint:
                raise StoreError(f"two different resources of one cell have the id {resource.id!r}")
        wanted = (observations.c.cell == cell) & _PRESENT & observations.c.id.in_(list(prints))
        return {row.id: row for row in self._session.all(select(observations).where(wanted))}

    def _write(self, listing: _Listing, chunk: Sequence[Resource], known: Mapping[str, Row[Any]]) -> dict[str, int]:
        """Writes what differs from the known rows; answers with the numbers of the new rows by id."""
        ended: list[int] = []
        amended: list[dict[str, Any]] = []
        fresh: dict[str, dict[str, Any]] = {}
        for resource in chunk:
            row = known.get(resource.id)
            values = _values(resource, listing.reshaped.get(resource.id))
            if row is not None and (row.fingerprint == resource.fingerprint or not listing.same_shape):
                if values_of(row, _AMENDED) != {name: values[name] for name in _AMENDED}:
                    amended.append({f"new_{name}": values[name] for name in _AMENDED} | {"amended_row": row.row})
                continue
            if row is not None:
                ended.append(row.row)
            fresh[resource.id] = values | {"cell": listing.cell, "since_known": listing.known_at, "since": listing.now}
        if ended:
            over = {"until_known": listing.known_at, "until": listing.now, "missing_since": None}
            self._session.execute(update(observations).where(observations.c.row.in_(ended)).values(over))
        if amended:
            self._session.execute(_AMEND, amended)
        if not fresh:
            return {}
        added = insert(observations).returning(observations.c.row, observations.c.id)
        return {row.id: row.row for row in self._session.execute(added, list(fresh.values()))}

    def absent(self, cell: Cell, seen: array[int], began: datetime | None = None) -> Iterator[Stored]:
        """The present resources of the cell whose row is not among `seen` (sorted here), ordered by id.

        What a reading that is later than `began` saw first, or saw change, is left out: it was there after this one.
        """
        rows = array("q", sorted(seen))
        for stored in self.present(cell):
            if began is not None and stored.since[1] > began:
                continue
            place = bisect_left(rows, stored.row)
            if place == len(rows) or rows[place] != stored.row:
                yield stored

    def mark_missing(self, cell: Cell, rows: Sequence[int], at: datetime) -> None:
        """They were missing from the complete listing that began `at`; a row that was missing before keeps its first time."""
        for chunk in chunks(rows):
            first = self._mine(cell, chunk) & observations.c.missing_since.is_(null())
            self._session.execute(update(observations).where(first).values(missing_since=at))

    def end(self, cell: Cell, rows: Sequence[int], *, known_at: datetime | None, now: datetime) -> None:
        """They are gone: present until after `known_at`, missed `now`."""
        for chunk in chunks(rows):
            gone = select(observations.c.id).where(self._mine(cell, chunk))
            of_these = (resource_facts.c.cell == self._session.cell(cell)) & resource_facts.c.id.in_(gone)
            self._session.execute(delete(resource_facts).where(of_these))
            self._session.execute(update(observations).where(self._mine(cell, chunk)).values(until_known=known_at, until=now))

    def _mine(self, cell: Cell, rows: Sequence[int]) -> ColumnElement[bool]:
        return observations.c.row.in_(rows) & (observations.c.cell == self._session.cell(cell)) & _PRESENT

    def digest(self, cell: Cell) -> tuple[str, int]:
        """The cell digest over the present resources, and their number."""
        count = 0

        def counted() -> Iterator[tuple[str, str]]:
            nonlocal count
            wanted = self._of(cell).with_only_columns(observations.c.id, observations.c.fingerprint)
            for row in self._session.stream(wanted):
                count += 1
                yield row.id, row.fingerprint

        return cell_digest(counted()), count

    def present(self, cell: Cell, ids: Collection[str] | None = None) -> Iterator[Stored]:
        """The present resources, ordered by id; of these `ids` alone where they are given."""
        if ids is None:
            yield from map(stored_of, self._session.stream(self._of(cell)))
        else:
            for chunk in chunks(sorted(set(ids))):
                yield from map(stored_of, self._session.all(self._of(cell).where(*among(observations.c.id, chunk))))

    def _of(self, cell: Cell) -> Select[Any]:
        return select(observations).where(observations.c.cell == self._session.cell(cell), _PRESENT).order_by(observations.c.id)

    def named(
        self, account: str, type_: str, names: Collection[str], regions: Collection[str] | None = None
    ) -> Sequence[tuple[Cell, Stored]]:
        """The present resources of a type in an account whose id, ARN or label is one of `names`, ordered by cell and id; in these regions
        (None: in any).

        Where there is none, the one that was there last by such a name, as it was then.
        """
        return named(self._session, account, type_, names, regions)

    def mismatches(self, cell: Cell, baseline: str, ids: Collection[str] | None = None) -> Iterator[Mismatch]:
        """Where the present resources differ from the active version of the named baseline, ordered by id; only these `ids`, where given.

        Yields nothing where the baseline has no active version with this cell: the caller knows that it is unbaselined.
        """
        return mismatches(self._session, cell, baseline, ids)

    def adopt_reshaped(self, cell: Cell) -> None:
        """The fingerprints under the coming shape become the present ones; `since` stays."""
        ready = (observations.c.cell == self._session.cell(cell)) & _PRESENT & observations.c.reshaped.is_not(null())
        self._session.execute(update(observations).where(ready).values(fingerprint=observations.c.reshaped, reshaped=None))


def _values(resource: Resource, reshaped: str | None) -> dict[str, Any]:
    values = {"id": resource.id, "arn": resource.arn, "label": resource.label, "fingerprint": resource.fingerprint, "missing_since": None}
    return values | {"reshaped": reshaped}


def _coming_changed(row: Row[Any] | None, resource: Resource) -> bool:
    return row is None or row.reshaped != resource.fingerprint
