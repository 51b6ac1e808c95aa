"""Reading one unit: its listing page by page, the details of the items, the listings under them, and how each cell ended."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, repeat
from typing import Any

from driftwatch.aws.calls import Caller, CallFailed
from driftwatch.aws.details import Details, shares_batches
from driftwatch.aws.entry import Entry
from driftwatch.aws.intake import CellIntake, Form, item_id
from driftwatch.aws.kept import Keeping
from driftwatch.aws.listing import call_name, items_of, pages_of, says_none
from driftwatch.aws.patience import Patience
from driftwatch.aws.planning import Listing
from driftwatch.aws.progress import Progress
from driftwatch.aws.rows import Row, in_order, search
from driftwatch.aws.traffic import Limits
from driftwatch.domain.resource import GLOBAL, Cell, Scope
from driftwatch.domain.snapshot import Batch, CellRead, GapReason

_AHEAD = 1000
"""Items of a child listing that are read ahead of their turn; the rest of a longer one is read when its turn comes."""
_CHILD_LISTINGS_AHEAD = 8
_Page = tuple[Mapping[str, Any], Mapping[str, Any]]
"""A page, and the names that are bound for its items."""


@dataclass(kw_only=True)
class UnitReader:
    """Reads a unit whose listing is `listing`. `cells` are the cells it answers for; `ours` says which others may come up on the way.

    `where` is the unit's region, `region` the one that is asked; `alike` the result members of all entries that read the same reply.
    """

    listing: Listing
    caller: Caller
    pool: Executor
    limits: Limits
    scope: Scope
    region: str
    cells: tuple[Cell, ...]
    ours: Callable[[Cell], bool]
    form: Callable[[Cell], Form]
    alike: Callable[[Entry], Collection[str]]
    clock: Callable[[], datetime]
    keeping: Callable[[], Keeping]
    patience: Patience
    _progress: dict[str, Progress] = field(default_factory=dict)

    def read(self) -> Iterator[Batch | CellRead]:
        """The batches, then the CellRead of every cell."""
        started = self.clock()
        wanted = {cell.type for cell in self.cells}
        for type_, entry in self._entries(self.listing):
            self._progress[type_] = Progress(entry=entry, details=self._details(entry, identity_only=type_ not in wanted))
        for cell in self.cells:
            self._intake(self._progress[cell.type], cell)
        given = {"account": self.scope.account, "partition": self.scope.partition, "region": self.region}
        try:
            yield from self._top(given)
        except Exception as error:  # noqa: BLE001 - a fault in an entry or in our own code must cost these cells only, and must show
            failed = CallFailed(GapReason.ERROR, operation=call_name(self.listing.first), detail=f"not read: {type(error).__name__}")
            self._fail(self.listing, failed)
        calls = int(getattr(self.caller, "calls", 0))
        for type_ in wanted:
            progress = self._progress[type_]
            for intake in progress.cells.values():
                yield from intake.rest()
                kept = progress.details.keeping.oldest
                yield intake.end(progress.failures, off=progress.off, started_at=started, clock=self.clock, calls=calls, kept_since=kept)
                calls = 0  # the calls of a unit are shared by its cells: they are told once

    # --- listings ------------------------------------------------------------------------------------------------------------------

    def _top(self, given: Mapping[str, Any]) -> Iterator[Batch]:
        """The unit's own listing, once with each set of parameters."""
        entry = self.listing.first
        off = 0
        for params in entry.list.params:
            pages = 0
            try:
                for page in self._pages(entry, params, given):
                    pages += 1
                    yield from self._page(self.listing, page, given)
            except CallFailed as failed:
                if pages or not says_none(entry, failed):
                    self._fail(self.listing, failed)
                elif not failed.is_one_of(entry.list.absent):
                    off += 1
        if off == len(entry.list.params):
            for progress in self._below(self.listing):
                progress.off = True

    def _pages(self, entry: Entry, params: Mapping[str, Any], names: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        members, empty = self.alike(entry), self.limits.max_empty_pages
        return pages_of(entry, params, names, caller=self.caller, members=members, max_empty_pages=empty)

    def _pages_if_any(self, entry: Entry, params: Mapping[str, Any], names: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """As `_pages`; none where the answer is that there is nothing to list."""
        pages = 0
        try:
            for page in self._pages(entry, params, names):
                pages += 1
                yield page
        except CallFailed as failed:
            if pages or not says_none(entry, failed):
                raise

    def _page(self, listing: Listing, page: Mapping[str, Any], names: Mapping[str, Any]) -> Iterator[Batch]:
        for entry in listing.entries:
            yield from self._entry_of(listing, entry, [(page, names)])

    def _entry_of(self, listing: Listing, entry: Entry, pages: Iterable[_Page]) -> Iterator[Batch]:
        try:
            yield from self._rows(listing, self._progress[entry.type], self._items_of(listing, entry, pages))
        except CallFailed as failed:  # a join failed: this entry and those under it are unknown
            self._fail_entry(listing, entry, failed)

    def _items_of(self, listing: Listing, entry: Entry, pages: Iterable[_Page]) -> Iterator[tuple[Any, Mapping[str, Any]]]:
        for page, names in pages:
            try:
                yield from zip(items_of(entry, page), repeat(names))
            except CallFailed as failed:  # the page has another form
                self._fail_entry(listing, entry, failed)

    # --- items -------------------------------------------------------------------------------------------------------------------------

    def _rows(self, listing: Listing, progress: Progress, items: Iterable[tuple[Any, Mapping[str, Any]]]) -> Iterator[Batch]:
        """The items of one entry: to their cells, and then the listings under them."""
        entry = progress.entry
        below = listing.children.get(entry.type, [])
        parents: list[Row] = []
        rows = (row for item, names in items if (row := self._row(progress, item, names)))
        for row in progress.details.complete(rows):
            if intake := self._intake_of(progress, row):
                yield from intake.put(row, region=row.region or self.region)
            if below and row.failed and row.unsure:
                for child in below:
                    self._fail(child, row.failed)
            elif below and not row.gone:
                parents.append(row)
        for child in below:
            yield from self._children(child, parents)

    def _row(self, progress: Progress, item: Any, names: Mapping[str, Any]) -> Row | None:
        """The item as a row; None where it lies in a region that nobody asked for."""
        entry = progress.entry
        region = search(entry.item_region, item) if entry.item_region else names.get("item_region")
        row = Row(item=item, bound=names, name=item_id(entry, item, names), region=region if isinstance(region, str) else None)
        if item is None:
            row.failed = CallFailed(GapReason.INVALID_ITEM, operation=call_name(entry), detail="the listing holds null")
            row.unsure = True
        if row.region is None or progress.details.identity_only:
            return row
        return row if row.region in progress.cells or self.ours(self._cell(entry, row.region)) else None

    def _children(self, listing: Listing, parents: list[Row]) -> Iterator[Batch]:
        """The listing under each of these parents; several are begun at once.

        Where they may, the items of all parents are one stream: else the details of each parent's few items would wait for the last's.
        """
        entry = listing.first
        pages = self._child_pages(listing, in_order(self.pool, lambda parent: self._begin(entry, parent), parents, _CHILD_LISTINGS_AHEAD))
        if len(listing.entries) == 1 and not listing.children and shares_batches(entry):
            yield from self._entry_of(listing, entry, pages)
        else:
            for page, names in pages:
                yield from self._page(listing, page, names)

    def _child_pages(self, listing: Listing, begun: Iterable[tuple[Mapping[str, Any], Iterator[dict[str, Any]]]]) -> Iterator[_Page]:
        for names, pages in begun:
            try:
                for page in pages:
                    yield page, names
            except CallFailed as failed:
                self._fail(listing, failed)

    def _begin(self, entry: Entry, parent: Row) -> tuple[Mapping[str, Any], Iterator[dict[str, Any]]]:
        """The pages of a child's listing, the first of them read already: in a thread of the pool. A failure comes in its place."""
        names = {**parent.bound, "region": parent.region or self.region, "item_region": parent.region}
        ahead: list[dict[str, Any]] = []
        rest: Iterator[dict[str, Any]] = iter(())
        try:
            names |= self._bound(entry, parent)
            rest = (page for params in entry.list.params for page in self._pages_if_any(entry, params, names))
            items = 0
            while items < _AHEAD and (page := next(rest, None)) is not None:
                ahead.append(page)
                items += len(search(entry.list.items, page) or ())
        except CallFailed as failed:
            rest = _failing(failed)
        return names, chain(ahead, rest)

    def _bound(self, entry: Entry, parent: Row) -> dict[str, Any]:
        assert entry.parent is not None
        bound = {name: search(path, parent.item) for name, path in entry.parent.bind.items()}
        if missing := [name for name, value in bound.items() if value is None]:
            raise CallFailed(GapReason.INVALID_ITEM, operation=call_name(entry), detail=f"the parent has no {', '.join(missing)}")
        return bound

    # --- cells ---------------------------------------------------------------------------------------------------------------------------

    def _cell(self, entry: Entry, region: str) -> Cell:
        return Cell(scope=Scope(partition=self.scope.partition, account=self.scope.account, region=region), type=entry.type)

    def _intake_of(self, progress: Progress, row: Row) -> CellIntake | None:
        if progress.details.identity_only:
            return None
        by_item = progress.entry.item_region or row.bound.get("item_region")
        region = (row.region or GLOBAL) if by_item else self.scope.region
        return progress.cells.get(region) or self._intake(progress, self._cell(progress.entry, region))

    def _intake(self, progress: Progress, cell: Cell) -> CellIntake:
        intake = CellIntake(
            cell=cell, entry=progress.entry, form=self.form(cell), limits=self.limits, patience=self.patience, clock=self.clock
        )
        progress.cells[cell.region] = intake
        return intake

    def _details(self, entry: Entry, *, identity_only: bool) -> Details:
        return Details(
            entry=entry,
            caller=self.caller,
            region=self.region,
            pool=self.pool,
            window=4 * self.limits.calls_per_place,
            keeping=self.keeping(),
            identity_only=identity_only,
        )

    # --- failures ------------------------------------------------------------------------------------------------------------------

    def _fail(self, listing: Listing, failed: CallFailed) -> None:
        for progress in self._below(listing):
            progress.fail(failed)

    def _fail_entry(self, listing: Listing, entry: Entry, failed: CallFailed) -> None:
        self._progress[entry.type].fail(failed)
        for child in listing.children.get(entry.type, []):
            self._fail(child, failed)

    def _below(self, listing: Listing) -> list[Progress]:
        return [self._progress[type_] for type_ in listing.types()]

    def _entries(self, listing: Listing) -> Iterator[tuple[str, Entry]]:
        for entry in listing.entries:
            yield entry.type, entry
        for children in listing.children.values():
            for child in children:
                yield from self._entries(child)


def _failing(failed: CallFailed) -> Iterator[dict[str, Any]]:
    raise failed
    yield  # it is a generator: the failure comes when it is read
