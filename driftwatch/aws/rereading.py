"""Rereading: just the named resources of a cell, each exactly as a reading of the whole cell would tell it (`one` of an entry).

An id is `absent` only where the service says so: in a reply without it, or by an error code that the entry names. Whatever else keeps a
resource from being read is a Gap of that resource.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from driftwatch.aws.calls import Caller, CallFailed
from driftwatch.aws.details import Details, shares_batches
from driftwatch.aws.entry import Entry, One
from driftwatch.aws.intake import CellIntake, Form, item_id
from driftwatch.aws.kept import Keeping
from driftwatch.aws.listing import call_name, items_of, pages_of, says_none
from driftwatch.aws.one import asked_as, asks_for_many, names_in
from driftwatch.aws.patience import Patience
from driftwatch.aws.rows import Row, chunks, filled, in_order, search
from driftwatch.aws.traffic import Limits
from driftwatch.domain.resource import GLOBAL, Cell
from driftwatch.domain.scan import Reread
from driftwatch.domain.snapshot import Batch, Gap, GapReason

_OF_THE_ID = ("id", "ids", "item")
"""Names that only the call for one resource knows; the details know their own."""


@dataclass(slots=True, kw_only=True)
class _Answer:
    """What a call for some ids brought. Those without a row are not there, unless it `failed`: then nobody knows."""

    ids: Sequence[str]
    rows: dict[str, Row] = field(default_factory=dict)
    failed: CallFailed | None = None


@dataclass(kw_only=True)
class Rereader:
    """Reads resources of one cell by `one`. `region` is the one that is asked; `by_item` says that resources have their own regions.

    `given` holds the names that every parameter may use; `alike` the result members of all entries that read the same reply.
    """

    entry: Entry
    one: One
    cell: Cell
    caller: Caller
    pool: Executor
    limits: Limits
    region: str
    by_item: bool
    given: Mapping[str, Any]
    form: Form
    alike: Collection[str]
    clock: Callable[[], datetime]
    keeping: Keeping
    patience: Patience
    _names: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _absent: set[str] = field(default_factory=set)
    _failed: dict[str, CallFailed] = field(default_factory=dict)
    _batches: list[Batch] = field(default_factory=list)

    def read(self, ids: Sequence[str]) -> Reread | None:
        """The resources with these ids; None where an id does not tell what the call takes."""
        started = self.clock()
        for id_ in ids:
            names = names_in(self.entry, self.one, id_)
            if names is None:
                return None
            self._names[id_] = {**self.given, **names}
        intake = CellIntake(cell=self.cell, entry=self.entry, form=self.form, limits=self.limits, patience=self.patience, clock=self.clock)
        problem = CallFailed(GapReason.ERROR, operation=call_name(self.entry), detail="it was not read")
        try:
            self._complete(self._rows(), intake)
        except CallFailed as failed:  # a join failed: nothing that was not told yet is known
            problem = failed
        except Exception as error:  # noqa: BLE001 - a fault in an entry or in our own code must cost these resources only, and must show
            problem = CallFailed(GapReason.ERROR, operation=call_name(self.entry), detail=f"not read: {type(error).__name__}")
        self._batches += intake.rest()
        end = intake.end([], off=False, started_at=started, clock=self.clock, calls=0, kept_since=None)
        return self._reread(started, end.gaps, problem)

    # --- asking ------------------------------------------------------------------------------------------------------------------------

    def _rows(self) -> Iterator[Row]:
        """The items that are there, in the order of the ids."""
        if self.one.item is not None:
            for id_ in self._names:
                yield self._made(id_)
            return
        for answer in self._answers():
            for id_ in answer.ids:
                row = answer.rows.get(id_)
                if row is not None:
                    yield row
                elif answer.failed:
                    self._failed[id_] = answer.failed
                else:
                    self._absent.add(id_)

    def _made(self, id_: str) -> Row:
        names = self._names[id_]
        item = filled(self.one.item, names, f"{self.entry.service}:{self.entry.detail[0].op}")
        return self._row(item, id_)

    def _answers(self) -> Iterator[_Answer]:
        """A call for all or some of the ids, or for each; and for each alone where the service refused a call for several.

        EC2, for one, refuses the whole call when one of its ids does not exist, and does not say which in a way to rely on.
        """
        ids = list(self._names)
        if self.one.whole:
            yield self._ask(ids)
            return
        size = self.one.size if asks_for_many(self.one) else 1
        alone: list[str] = []
        for answer in in_order(self.pool, self._ask, chunks(ids, size), self._window):
            if answer.failed and answer.failed.reason is GapReason.ERROR and not answer.failed.off and len(answer.ids) > 1:
                yield _Answer(ids=list(answer.rows), rows=answer.rows)
                alone += (id_ for id_ in answer.ids if id_ not in answer.rows)
            else:
                yield answer
        yield from in_order(self.pool, self._ask, ([id_] for id_ in alone), self._window)

    def _ask(self, ids: list[str]) -> _Answer:
        """One question for these ids; its pages are read until all are found."""
        answer = _Answer(ids=ids)
        asked = asked_as(self.entry, self.one)
        names = {**(self._names[ids[0]] if len(ids) == 1 else self.given), "ids": ids}
        off: list[CallFailed] = []
        alone = len(ids) == 1 or self.one.whole
        for params in asked.list.params:
            pages = 0
            try:
                for page in self._pages(asked, params, names):
                    pages += 1
                    self._pick(asked, page, names, answer)
                    if len(answer.rows) == len(ids):
                        return answer
            except CallFailed as failed:
                if pages or not alone or not says_none(asked, failed):
                    answer.failed = answer.failed or failed
                elif not failed.is_one_of(asked.list.absent):
                    off.append(failed)
        if len(off) == len(asked.list.params):  # a service that is switched off says nothing about its resources
            answer.failed = off[0]
        return answer

    def _pages(self, asked: Entry, params: Mapping[str, Any], names: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        most = self.limits.max_empty_pages
        return pages_of(asked, params, names, caller=self.caller, members=self.alike, max_empty_pages=most)

    def _pick(self, asked: Entry, page: Mapping[str, Any], names: Mapping[str, Any], answer: _Answer) -> None:
        for item in items_of(asked, page):
            id_ = item_id(self.entry, item, names)
            if id_ is not None and id_ in answer.ids and id_ not in answer.rows:
                answer.rows[id_] = self._row(item, id_)

    def _row(self, item: Any, id_: str) -> Row:
        bound = {name: value for name, value in self._names[id_].items() if name not in _OF_THE_ID}
        region = search(self.entry.item_region, item) if self.entry.item_region else bound.get("item_region")
        return Row(item=item, bound=bound, name=id_, region=region if isinstance(region, str) else None)

    # --- completing ----------------------------------------------------------------------------------------------------------------------

    def _complete(self, rows: Iterator[Row], intake: CellIntake) -> None:
        """Reads the details; what is there goes to the intake."""
        details = Details(
            entry=self.entry, caller=self.caller, region=self.region, pool=self.pool, window=self._window, keeping=self.keeping
        )
        for group in self._groups(row for row in rows if self._is_ours(row)):
            for row in details.complete(group):
                if row.gone or self._says_absent(row) or (row.live and self._other_id(row)):
                    self._absent.add(str(row.name))
                else:
                    self._batches += intake.put(row, region=row.region or self.region)

    def _groups(self, rows: Iterator[Row]) -> Iterable[Iterable[Row]]:
        """The rows that may stand in one batch: where a batch asks under the parent, those of one parent."""
        if shares_batches(self.entry):
            return [rows]
        groups: dict[str, list[Row]] = {}
        for row in rows:
            groups.setdefault(repr(sorted(row.bound.items())), []).append(row)
        return groups.values()

    def _is_ours(self, row: Row) -> bool:
        """Whether the resource lies in the cell's region; one of another region is not in the cell."""
        ours = not self.by_item or (row.region or GLOBAL) == self.cell.region
        if not ours:
            self._absent.add(str(row.name))
        return ours

    def _says_absent(self, row: Row) -> bool:
        """Whether the item that was made from the id alone turned out to be nobody's."""
        failed = row.failed
        if failed is None or self.one.item is None:
            return False
        first = f"{self.entry.service}:{self.entry.detail[0].op}"
        return failed.operation == first and failed.is_one_of(self.one.absent)

    def _other_id(self, row: Row) -> bool:
        """Whether the service knows the resource by another id than the one asked for: an alias, or another spelling."""
        return (item_id(self.entry, row.item, row.bound) or row.name) != row.name

    @property
    def _window(self) -> int:
        return 4 * self.limits.calls_per_place

    # --- the result ----------------------------------------------------------------------------------------------------------------------

    def _reread(self, started: datetime, gaps: Sequence[Gap], problem: CallFailed) -> Reread:
        """Every id once. What nothing was heard of is a gap, for `problem`."""
        unread = {gap.resource_id: gap for gap in gaps if gap.resource_id}
        unread |= {id_: self._gap(id_, failed) for id_, failed in self._failed.items()}
        found = [one for batch in self._batches for one in batch.resources if one.id not in unread]
        known = {one.id for one in found} | self._absent | unread.keys()
        unread |= {id_: self._gap(id_, problem) for id_ in self._names if id_ not in known}
        return Reread(
            shape=self.form.shape,
            started_at=started,
            ended_at=self.clock(),
            resources=tuple(found),
            reshaped=tuple(one for batch in self._batches for one in batch.reshaped if one.id not in unread),
            absent=tuple(id_ for id_ in self._names if id_ in self._absent),
            gaps=tuple(unread.values()),
            calls=int(getattr(self.caller, "calls", 0)),
        )

    def _gap(self, id_: str, failed: CallFailed) -> Gap:
        return Gap(cell=self.cell, reason=failed.reason, detail=failed.detail, operation=failed.operation, resource_id=id_)
